// What 61_node_vault.py runs: node-vault against the daemon that VAULT_ADDR names; its authority comes from NODE_EXTRA_CA_CERTS.
'use strict';
const assert = require('assert');
const nodeVault = require('node-vault');

const tests = [];
const test = (name, body) => tests.push([name, body]);
const client = (more = {}) => nodeVault({ ...more });
let root; // the client with the root token
const another = () => client({ token: root.token }); // for calls after which node-vault goes on with the token of the answer
const keys = [];
let count = 0;
const fresh = (name = 'env') => `${name}-${process.pid}-${++count}`;

// The error of a call that must fail with this status; node-vault takes only 200 and 204 for success.
async function refused(promise, status, message) {
	let error;
	try {
		await promise;
	} catch (caught) {
		error = caught;
	}
	assert(error, `no error, but ${status} was expected`);
	assert(error.response, String(error));
	assert.strictEqual(error.response.statusCode, status, error.message);
	if (message !== undefined)
		assert(error.message.includes(message), `${error.message} does not say ${message}`);
	return error.response.body;
}

// -- the state of a vault ----------------------------------------------------------------------

test('before initialisation', async () => {
	const one = client();
	assert.deepStrictEqual(await one.initialized(), { initialized: false });
	const status = await one.status();
	assert.strictEqual(status.initialized, false);
	assert.strictEqual(status.sealed, true);
	assert.strictEqual((await one.health()).initialized, false); // 501 is no error to node-vault
	assert.strictEqual((await one.leader()).ha_enabled, false);
	await refused(one.read('secret/data/a'), 503, 'sealed');
});

test('init, seal, unseal', async () => {
	const one = client();
	const made = await one.init({ secret_shares: 1, secret_threshold: 1 });
	assert.strictEqual(made.keys.length, 1);
	assert.strictEqual(made.keys_base64.length, 1);
	keys.push(...made.keys);
	console.log(`# secret ${made.root_token}`);
	console.log(`# secret ${made.keys[0]}`);
	await refused(one.init({ secret_shares: 1, secret_threshold: 1 }), 400, 'already initialized');
	root = client({ token: made.root_token });
	assert.strictEqual((await root.status()).sealed, false);
	await root.seal();
	assert.strictEqual((await root.status()).sealed, true);
	assert.strictEqual((await root.health()).sealed, true);
	await refused(root.read('secret/data/a'), 503, 'Vault is sealed');
	await refused(root.unseal({ key: '00'.repeat(32) }), 400);
	const opened = await root.unseal({ key: made.keys[0] });
	assert.strictEqual(opened.sealed, false);
	assert.strictEqual(opened.progress, 0);
	assert.strictEqual((await root.health()).sealed, false);
});

test('who am I', async () => {
	const me = (await root.tokenLookupSelf()).data;
	assert.strictEqual(me.id, root.token);
	assert.deepStrictEqual(me.policies, ['root']);
	await refused(client({ token: 'hvs.none' }).tokenLookupSelf(), 403, 'permission denied');
	await refused(client().read('secret/data/a'), 403, 'permission denied');
});

// -- KV version 2 ---------------------------------------------------------------------------------

test('KV 2: write, read, cas', async () => {
	const path = `secret/data/${fresh()}`;
	const value = { PORT: '8080', half: 1.5, nested: { a: [1, null, true] }, 'Grüße': 'für dich\n\t"\'' };
	const wrote = await root.write(path, { data: value });
	assert.strictEqual(wrote.data.version, 1);
	const read = await root.read(path);
	assert.deepStrictEqual(read.data.data, value);
	assert.deepStrictEqual(read.data.metadata, wrote.data);
	await refused(root.write(path, { data: {}, options: { cas: 0 } }), 400, 'check-and-set parameter did not match the current version');
	assert.strictEqual((await root.write(path, { data: { A: '1' }, options: { cas: 1 } })).data.version, 2);
	assert.deepStrictEqual((await root.read(`${path}?version=1`)).data.data, value);
	await refused(root.read(`secret/data/${fresh()}`), 404, 'Status 404'); // errors: []
	await refused(root.write(path, { A: '1' }), 400);
});

test('KV 2: update is a merge patch', async () => {
	const path = `secret/data/${fresh()}`;
	await refused(root.update(path, { data: { A: '1' } }), 404);
	await root.write(path, { data: { A: '1', B: '2' } });
	const patched = await root.update(path, { data: { A: null, C: '3' }, options: { cas: 1 } });
	assert.strictEqual(patched.data.version, 2);
	assert.deepStrictEqual((await root.read(path)).data.data, { B: '2', C: '3' });
});

test('KV 2: delete, undelete, destroy', async () => {
	const name = fresh();
	for (const number of [1, 2, 3])
		await root.write(`secret/data/${name}`, { data: { A: String(number) } });
	await root.delete(`secret/data/${name}`);
	const body = await refused(root.read(`secret/data/${name}`), 404);
	assert.strictEqual(body.data.data, null);
	assert.strictEqual(body.data.metadata.version, 3);
	await root.write(`secret/undelete/${name}`, { versions: [3] });
	assert.deepStrictEqual((await root.read(`secret/data/${name}`)).data.data, { A: '3' });
	await root.destroySecretVersions({ path: name, versions: [1, 2] });
	const metadata = (await root.read(`secret/metadata/${name}`)).data;
	assert.deepStrictEqual(Object.values(metadata.versions).map((v) => v.destroyed), [true, true, false]);
	assert.strictEqual(metadata.current_version, 3);
	await root.delete(`secret/metadata/${name}`);
	await refused(root.read(`secret/metadata/${name}`), 404);
});

test('KV 2: list by LIST and by GET', async () => {
	const top = fresh();
	for (const name of ['b', 'a/x', 'a'])
		await root.write(`secret/data/${top}/${name}`, { data: {} });
	assert.deepStrictEqual((await root.list(`secret/metadata/${top}`)).data.keys, ['a', 'a/', 'b']);
	assert.deepStrictEqual((await root.list(`secret/metadata/${top}/`)).data.keys, ['a', 'a/', 'b']);
	const plain = client({ token: root.token, noCustomHTTPVerbs: true });
	assert.deepStrictEqual((await plain.list(`secret/metadata/${top}/a`)).data.keys, ['x']);
	await refused(root.list(`secret/metadata/${fresh()}`), 404);
});

test('KV 2: configuration', async () => {
	await root.write('secret/config', { max_versions: 7 });
	assert.strictEqual((await root.read('secret/config')).data.max_versions, 7);
	await root.write('secret/config', { max_versions: 0 });
});

// -- mounts ---------------------------------------------------------------------------------------

test('mounts', async () => {
	const name = fresh('mount');
	await root.mount({ mount_point: name, type: 'kv', description: 'a test', options: { version: '2' } });
	const listed = await root.mounts();
	assert.strictEqual(listed.data[`${name}/`].type, 'kv');
	assert.deepStrictEqual(listed[`${name}/`], listed.data[`${name}/`]); // where old callers look
	assert.strictEqual(listed['secret/'].options.version, '2');
	await refused(root.mount({ mount_point: name, type: 'kv' }), 400, `path is already in use at ${name}/`);
	await refused(root.mount({ mount_point: fresh(), type: 'pki' }), 400);
	await root.write(`${name}/data/x`, { data: { A: '1' } });
	const moved = fresh('moved');
	await root.remount({ from: name, to: moved });
	assert.deepStrictEqual((await root.read(`${moved}/data/x`)).data.data, { A: '1' });
	await root.unmount({ mount_point: moved });
	assert.strictEqual((await root.mounts()).data[`${moved}/`], undefined);
	await root.unmount({ mount_point: moved });
});

test('auths', async () => {
	const listed = await root.auths();
	assert.strictEqual(listed.data['token/'].type, 'token');
	assert.strictEqual(listed['token/'].type, 'token');
	await refused(root.enableAuth({ mount_point: 'radius', type: 'radius' }), 400);
	await refused(root.disableAuth({ mount_point: 'token' }), 400);
});

// -- policies and tokens ----------------------------------------------------------------------------

const RULES = 'path "secret/data/node/*" { capabilities = ["create", "read", "update"] }';

test('policies', async () => {
	const name = fresh('policy');
	await root.addPolicy({ name, rules: RULES });
	assert.strictEqual((await root.getPolicy({ name })).rules, RULES);
	assert.strictEqual((await root.getPolicy({ name })).data.rules, RULES);
	const listed = await root.policies();
	assert(listed.policies.includes(name) && listed.keys.includes('root') && listed.data.policies.includes('default'));
	await root.addPolicy({ name, policy: RULES });
	await root.removePolicy({ name });
	await refused(root.getPolicy({ name }), 404);
	await refused(root.addPolicy({ name, rules: 'path "x" {' }), 400);
	await refused(root.removePolicy({ name: 'root' }), 400);
});

test('a policy decides', async () => {
	const name = fresh('policy');
	await root.addPolicy({ name, rules: RULES });
	const limited = client({ token: (await another().tokenCreate({ policies: [name], ttl: '1h' })).auth.client_token });
	await limited.write('secret/data/node/x', { data: { A: '1' } });
	assert.deepStrictEqual((await limited.read('secret/data/node/x')).data.data, { A: '1' });
	await refused(limited.read('secret/data/other'), 403, 'permission denied');
	await refused(limited.delete('secret/data/node/x'), 403);
	await refused(limited.mounts(), 403);
	await refused(limited.seal(), 403);
});

test('tokens', async () => {
	const made = (await another().tokenCreate({ policies: ['default'], ttl: '1h', display_name: 'ci', meta: { user: 'me' } })).auth;
	assert.strictEqual(made.lease_duration, 3600);
	assert.deepStrictEqual(made.policies, ['default']);
	const looked = (await root.tokenLookup({ token: made.client_token })).data;
	assert.strictEqual(looked.display_name, 'token-ci');
	assert.strictEqual((await root.tokenLookupAccessor({ accessor: made.accessor })).data.id, '');
	assert((await root.tokenAccessors()).data.keys.includes(made.accessor));
	const own = client({ token: made.client_token });
	assert.strictEqual((await own.tokenLookupSelf()).data.accessor, made.accessor);
	assert.strictEqual((await own.tokenRenewSelf({ increment: 1800 })).auth.lease_duration, 1800);
	assert.strictEqual((await own.tokenRenewSelf()).auth.renewable, true); // without a body
	assert.strictEqual((await another().tokenRenew({ token: made.client_token, increment: '2h' })).auth.lease_duration, 7200);
	await own.tokenRevokeSelf();
	await refused(own.tokenLookupSelf(), 403);
	const orphan = (await another().tokenCreateOrphan({ policies: ['default'] })).auth;
	assert.strictEqual(orphan.orphan, true);
	await root.tokenRevokeAccessor({ accessor: orphan.accessor });
	await refused(root.tokenLookup({ token: orphan.client_token }), 403);
	const parent = (await another().tokenCreate({ policies: ['root'] })).auth.client_token;
	const child = (await client({ token: parent }).tokenCreate({ policies: ['default'] })).auth.client_token;
	await root.tokenRevokeOrphan({ token: parent });
	assert.strictEqual((await client({ token: child }).tokenLookupSelf()).data.orphan, true);
	await root.tokenRevoke({ token: child });
	await refused(client({ token: child }).tokenLookupSelf(), 403);
	await refused(root.tokenLookup({ token: 'hvs.none' }), 403);
	await refused(another().tokenRenewSelf(), 400);
});

test('token roles and leases', async () => {
	const role = fresh('role');
	await root.addTokenRole({ role_name: role, allowed_policies: 'default', renewable: false, explicit_max_ttl: 7200 });
	assert.deepStrictEqual((await root.getTokenRole({ role_name: role })).data.allowed_policies, ['default']);
	assert((await root.tokenRoles()).data.keys.includes(role));
	const made = (await another().tokenCreateRole({ role_name: role, policies: ['default'], ttl: '10h' })).auth;
	assert.strictEqual(made.lease_duration, 7200);
	assert.strictEqual(made.renewable, false);
	await root.removeTokenRole({ role_name: role });
	await refused(root.getTokenRole({ role_name: role }), 404);
	const token = (await another().tokenCreate({ policies: ['default'], ttl: '1h' })).auth;
	await refused(root.renew({ lease_id: `auth/token/create/${token.accessor}` }), 400);
	await root.revoke({ lease_id: `auth/token/create/${token.accessor}` });
	await refused(client({ token: token.client_token }).tokenLookupSelf(), 403);
	await root.revokePrefix({ path_prefix: 'auth/token/create/none' });
});

test('rotate and generate root', async () => {
	const before = (await root.read('sys/key-status')).data.term;
	await root.rotate();
	assert.strictEqual((await root.read('sys/key-status')).data.term, before + 1);
	const start = await root.generateRootInit();
	assert.strictEqual(start.started, true);
	await root.generateRootCancel();
	const again = await root.generateRootInit();
	const done = await client().generateRootUpdate({ key: keys[0], nonce: again.nonce });
	assert.strictEqual(done.complete, true);
	const encoded = Buffer.from(done.encoded_root_token, 'base64');
	const token = Buffer.from(again.otp).map((byte, i) => byte ^ encoded[i]).toString();
	assert.deepStrictEqual((await client({ token }).tokenLookupSelf()).data.policies, ['root']);
});

test('shares', async () => {
	const start = await root.write('sys/rekey/init', { secret_shares: 3, secret_threshold: 2 });
	const done = await root.write('sys/rekey/update', { key: keys[0], nonce: start.nonce });
	assert.strictEqual(done.keys.length, 3);
	await root.seal();
	assert.strictEqual((await root.unseal({ key: done.keys[0] })).progress, 1);
	assert.strictEqual((await root.unseal({ reset: true })).progress, 0);
	await root.unseal({ key: done.keys[2] });
	assert.strictEqual((await root.unseal({ key: done.keys_base64[1] })).sealed, false);
});

test('KV 1', async () => {
	const mount = fresh('kv1');
	await root.mount({ mount_point: mount, type: 'kv', options: { version: '1' } });
	await root.write(`${mount}/a`, { A: '1', n: 7 });
	const read = await root.read(`${mount}/a`);
	assert.deepStrictEqual(read.data, { A: '1', n: 7 });
	assert.strictEqual(read.lease_duration, 2764800);
	assert.deepStrictEqual((await root.list(mount)).data.keys, ['a']);
	await refused(root.update(`${mount}/a`, { A: '2' }), 405);
	await root.delete(`${mount}/a`);
	await refused(root.read(`${mount}/a`), 404);
	await root.unmount({ mount_point: mount });
});

// -- wrapping and cubbyhole -------------------------------------------------------------------------

test('wrapping', async () => {
	const path = `secret/data/${fresh()}`;
	await root.write(path, { data: { A: 'wrapped' } });
	const wrapped = await root.read(path, { headers: { 'X-Vault-Wrap-TTL': '60' } });
	assert.strictEqual(wrapped.data, null);
	assert.strictEqual(wrapped.wrap_info.ttl, 60);
	const token = wrapped.wrap_info.token;
	assert.deepStrictEqual((await client().unwrap({ token })).data.data, { A: 'wrapped' });
	await refused(client().unwrap({ token }), 400, 'wrapping token is not valid or does not exist');
	const second = (await root.read(path, { headers: { 'X-Vault-Wrap-TTL': '5m' } })).wrap_info.token;
	assert.deepStrictEqual((await client({ token: second }).unwrap()).data.data, { A: 'wrapped' }); // the token itself asks, without a body
	await refused(root.write('sys/wrapping/wrap', { a: 'b' }), 400);
});

test('cubbyhole', async () => {
	const path = `cubbyhole/${fresh()}`;
	await root.write(path, { A: '1' });
	assert.deepStrictEqual((await root.read(path)).data, { A: '1' });
	assert((await root.list('cubbyhole')).data.keys.length >= 1);
	await root.delete(path);
	await refused(root.read(path), 404);
});

test('namespaces', async () => {
	const path = `secret/data/${fresh()}`;
	await client({ token: root.token, namespace: 'root' }).write(path, { data: { A: '1' } });
	assert.deepStrictEqual((await root.read(path)).data.data, { A: '1' });
	await assert.rejects(client({ token: root.token, namespace: 'team' }).read(path));
});

(async () => {
	let failed = 0;
	for (const [name, body] of tests) {
		try {
			await body();
			console.log(`ok - node-vault: ${name}`);
		} catch (error) {
			failed++;
			console.log(`not ok - node-vault: ${name}`);
			console.log(String(error.stack).replace(/^/gm, '# '));
		}
	}
	process.exitCode = failed ? 1 : 0;
})();
