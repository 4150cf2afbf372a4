/* Policies: changes and questions. */
#include "core/vault_policies.h"

#include <stdlib.h>
#include <string.h>

#include "core/name_list.h"
#include "core/vault_state.h"
#include "core/vault_tokens.h"
#include "records/tables_access.h"
#include "vault/limits.h"

/* -- changes --------------------------------------------------------------- */

static struct vault_policy_change *change_of(struct vault_action *action)
{
	return (struct vault_policy_change *)((char *)action - offsetof(struct vault_policy_change, action));
}

static struct record_key key_of(struct records_view *view, const struct policy_name *name)
{
	return records_blind_key(view, TABLE_POLICY, 'C', NULL, name->text, name->len);
}

static enum error_code prepare_write(struct vault_action *action, struct records_view *view, struct records_write *write,
				     struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_REVISION_PLAIN);
	const struct vault_policy_change *change = change_of(action);
	const struct policy_record record = {
		.name = { .at = change->name_.text, .len = (uint32_t)change->name_.len },
		.updated = vault_now(action->vault_),
		.text = { .at = change->text, .len = (uint32_t)change->text_len },
	};
	struct record_key key = key_of(view, &change->name_);

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a policy");
	if (policy_table_room(action->vault_->policies, change->name_.text, change->text_len, err) != ERR_OK)
		return err->code;
	encode_policy(encoding, &record);
	if (secret_buf_check(encoding, "the policy's record", err) != ERR_OK)
		return err->code;
	return records_put(write, &key, NULL, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

static enum error_code prepare_delete(struct vault_action *action, struct records_view *view, struct records_write *write,
				      struct error *err)
{
	const struct vault_policy_change *change = change_of(action);
	struct record_key key = key_of(view, &change->name_);
	uint8_t pin[PIN_LEN];
	enum error_code code = records_peek(view, &key, pin, err);

	if (code == ERR_NOT_FOUND)
		return records_guard(write, &key, NULL, err);
	return code == ERR_OK ? records_delete(write, &key, err) : code;
}

/* Vault keeps these for itself: what a client writes there could become the policy of a wrapping token. */
static bool is_reserved(const struct policy_name *name)
{
	return strcmp(name->text, "root") == 0 || strcmp(name->text, "response-wrapping") == 0 ||
	       strcmp(name->text, "control-group") == 0;
}

enum error_code vault_policy_write(struct vault *vault, struct vault_policy_change *change, struct error *err)
{
	cleanup_(policy_text_freep) struct policy_text parsed = {0};

	if (policy_name_normalise(change->name, change->name_len, &change->name_, err) != ERR_OK)
		return err->code;
	if (is_reserved(&change->name_))
		return error_set(err, ERR_INVALID, "cannot update \"%s\" policy", change->name_.text);
	if (policy_text_parse(change->text, change->text_len, &parsed, err) != ERR_OK)
		return err->code;
	change->action.prepare_ = prepare_write;
	return vault_action_submit(vault, &change->action, false, err);
}

enum error_code vault_policy_delete(struct vault *vault, struct vault_policy_change *change, struct error *err)
{
	if (policy_name_normalise(change->name, change->name_len, &change->name_, err) != ERR_OK)
		return err->code;
	if (strcmp(change->name_.text, "default") == 0 || is_reserved(&change->name_))
		return error_set(err, ERR_INVALID, "cannot delete \"%s\" policy", change->name_.text);
	change->action.prepare_ = prepare_delete;
	return vault_action_submit(vault, &change->action, false, err);
}

/* -- reading ---------------------------------------------------------------- */

enum error_code vault_policy_read(struct vault *vault, const char *name, size_t len, struct policy_name *ret,
				  struct secret_buf *out, struct error *err)
{
	vault_use_scope use = {0};

	if (policy_name_normalise(name, len, ret, err) != ERR_OK || vault_use_begin(vault, &use, err) != ERR_OK)
		return err->code;
	if (strcmp(ret->text, "root") == 0)
		return ERR_OK;
	return policy_table_text(vault->policies, ret->text, out, err);
}

enum error_code vault_policy_list(struct vault *vault, struct name_list *ret, struct error *err)
{
	vault_use_scope use = {0};

	if (vault_use_begin(vault, &use, err) != ERR_OK)
		return err->code;
	return policy_table_names(vault->policies, ret, err);
}

/* -- subjects ---------------------------------------------------------------- */

void vault_subject_release(struct vault_subject *subject)
{
	acl_unref(subject->acl);
	*subject = (struct vault_subject){0};
}

void vault_subject_of_caller(const struct caller *caller, struct vault_subject *ret)
{
	*ret = (struct vault_subject){ .root = caller->root && caller->kind != CALLER_ANONYMOUS, .acl = acl_ref(caller->acl) };
}

enum error_code vault_subject_of_token(struct vault *vault, const char *token, size_t len, struct vault_subject *ret,
				       struct error *err)
{
	struct error denied = ERROR_INIT;
	struct caller caller;

	if (len == 0)
		return error_set(err, ERR_INVALID, "missing token");
	if (vault_authenticate(vault, token, len, NULL, &caller, &denied) != ERR_OK)
		return denied.code == ERR_DENIED ? error_set(err, ERR_INVALID, "invalid token") :
						   error_set(err, denied.code, "%s", denied.text);
	vault_subject_of_caller(&caller, ret);
	caller_release(&caller);
	return ERR_OK;
}

static enum error_code subject_of_record(struct vault *vault, const struct token_record *record,
					 struct vault_subject *ret, struct error *err)
{
	vault_use_scope use = {0};
	struct acl *acl;

	if (vault_use_begin(vault, &use, err) != ERR_OK ||
	    policy_table_acl(vault->policies, record->policies, record->policies_len, &acl, err) != ERR_OK)
		return err->code;
	*ret = (struct vault_subject){ .root = acl_is_root(acl), .acl = acl };
	return ERR_OK;
}

enum error_code vault_subject_of_accessor(struct vault *vault, const char *accessor, size_t len,
					  struct vault_subject *ret, struct error *err)
{
	const struct token_name name = { .by = TOKEN_BY_ACCESSOR, .text = accessor, .len = len };
	struct token_info info = {0};
	struct error unknown = ERROR_INIT;
	enum error_code code = vault_token_lookup(vault, &name, &info, &unknown);

	if (code == ERR_NOT_FOUND || code == ERR_INVALID)
		return error_set(err, ERR_INVALID, "invalid accessor");
	if (code != ERR_OK)
		return error_set(err, code, "%s", unknown.text);
	code = subject_of_record(vault, &info.record, ret, err);
	token_info_free(&info);
	return code;
}

static void free_spans(struct text_span **spans)
{
	free(*spans);
}

enum error_code vault_subject_of_policies(struct vault *vault, const struct policy_name *names, size_t len,
					  struct vault_subject *ret, struct error *err)
{
	cleanup_(free_spans) struct text_span *spans = calloc(len + 1, sizeof(*spans));
	vault_use_scope use = {0};
	struct acl *acl;

	if (!spans)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a set of policies");
	if (vault_use_begin(vault, &use, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < len; i++) {
		if (strcmp(names[i].text, "root") != 0 && !policy_table_has(vault->policies, names[i].text))
			return error_set(err, ERR_NOT_FOUND, "there is no policy \"%s\"", names[i].text);
		spans[i] = (struct text_span){ .at = names[i].text, .len = (uint32_t)names[i].len };
	}
	if (policy_table_acl(vault->policies, spans, len, &acl, err) != ERR_OK)
		return err->code;
	*ret = (struct vault_subject){ .root = acl_is_root(acl), .acl = acl };
	return ERR_OK;
}

unsigned vault_subject_capabilities(const struct vault_subject *subject, const char *path)
{
	const unsigned all = CAP_CREATE | CAP_READ | CAP_UPDATE | CAP_PATCH | CAP_DELETE | CAP_LIST | CAP_SUDO;

	return subject->root ? all : acl_capabilities(subject->acl, path);
}

void vault_subject_explain(const struct vault_subject *subject, unsigned capability, const char *path,
			   struct acl_explanation *ret)
{
	if (subject->root)
		*ret = (struct acl_explanation){ .root = true, .allowed = true };
	else
		acl_explain(subject->acl, capability, path, ret);
}
