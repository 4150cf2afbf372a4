// What 61_node_vault.py runs: node-vault against the daemon that VAULT_ADDR names; its authority comes from NODE_EXTRA_CA_CERTS.
'use strict';
const assert = require('assert');
const nodeVault = require('node-vault');

const tests = [];
const test = (name, body) => tests.push([name, body]);
const client = (more = {}) => nodeVault({ ...more });
let root; // the client with the root token
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
