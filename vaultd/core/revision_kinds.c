#include "core/revision_kinds.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "vault/limits.h"
#include "vault/names.h"
#include "vault/template.h"

struct name_set {		/* sorted */
	struct text_span *names;
	bool *used;
	size_t len;
};

static void name_set_wipe(struct name_set *set)
{
	if (set->names)
		sodium_memzero(set->names, set->len * sizeof(*set->names));
	free(set->names);
	free(set->used);
}

static enum error_code no_memory(struct error *err)
{
	return error_set(err, ERR_NO_MEMORY, "no memory is left for the variables of this request");
}

/* A name of the environment, or one that a client mistook for one: only what looks like a name is repeated. */
static enum error_code refuse(const struct text_span *name, const char *what, struct error *err)
{
	if (!variable_name_is_portable(name->at, name->len))
		return error_set(err, ERR_INVALID, "a variable of the request %s", what);
	return error_set(err, ERR_INVALID, "%.*s %s", name->len < 100 ? (int)name->len : 100, name->at, what);
}

static int compare_names(const void *a, const void *b)
{
	return text_order(a, b);
}

static enum error_code read_names(struct variable_list *list, const struct json_value *array, struct name_set *ret,
				  struct error *err)
{
	size_t count = array->kind == JSON_SCAN_ARRAY ? json_count(array) : 0, cursor = 0;
	struct json_value element;

	if (count > LIMIT_VARIABLES)
		return error_set(err, ERR_TOO_LARGE, "a list of %zu names is over the limit of %d", count,
				 LIMIT_VARIABLES);
	ret->names = calloc(count + 1, sizeof(*ret->names));
	ret->used = calloc(count + 1, sizeof(*ret->used));
	if (!ret->names || !ret->used)
		return no_memory(err);
	while (ret->len < count && json_next_element(array, &cursor, &element)) {
		if (element.kind != JSON_SCAN_STRING)
			return error_set(err, ERR_INVALID, "templates and unset are lists of names");
		if (variables_name(list, json_string_span(&element), element.escaped, &ret->names[ret->len], err) !=
		    ERR_OK)
			return err->code;
		ret->len++;
	}
	qsort(ret->names, ret->len, sizeof(*ret->names), compare_names);
	return ERR_OK;
}

/* Marks the name, also where it stands twice. */
static bool name_set_use(struct name_set *set, const struct text_span *name)
{
	struct text_span *found =
		set->len > 0 ? bsearch(name, set->names, set->len, sizeof(*set->names), compare_names) : NULL;
	size_t i;

	if (!found)
		return false;
	for (i = (size_t)(found - set->names); i > 0 && text_order(&set->names[i - 1], name) == 0; i--)
		;
	for (; i < set->len && text_order(&set->names[i], name) == 0; i++)
		set->used[i] = true;
	return true;
}

struct kinds_work {
	const struct kv_kinds *kinds;
	bool patch;
	struct name_set templates, unset;
};

static void kinds_work_wipe(struct kinds_work *work)
{
	name_set_wipe(&work->templates);
	name_set_wipe(&work->unset);
}

/* What a patch leaves alone is the old one's text itself, in its memory; what it gives is in the request's. */
static bool is_kept(const struct kinds_work *work, const struct variable *variable, const struct variable *old)
{
	return work->patch && old && variable->name.at == old->name.at && variable->value.at == old->value.at;
}

/* The same sentence whatever is there, and when nothing is. */
static enum error_code refuse_kept(const struct text_span *name, struct error *err)
{
	enum error_code code =
		refuse(name, "gets no value from this patch: making a template of what is there needs the right to read it", err);

	err->code = ERR_DENIED;
	return code == ERR_INVALID ? error_prefix(err, "permission denied") : code;
}

static enum error_code make_template(struct variable *variable, struct error *err)
{
	if (variable->kind == KIND_JSON)
		return refuse(&variable->name, "is not text, and only text can be a template", err);
	if (variable->kind == KIND_UNSET)
		return refuse(&variable->name, "has no value that could be a template", err);
	variable->kind = KIND_TEMPLATE;
	return ERR_OK;
}

static enum error_code check_syntax(const struct variable *variable, struct error *err)
{
	struct error reason = ERROR_INIT;

	if (variable->kind != KIND_TEMPLATE ||
	    template_check(variable->value.at, variable->value.len, &reason) == ERR_OK)
		return ERR_OK;
	return error_set(err, ERR_INVALID, "the template of %.*s: %s",
			 variable->name.len < 100 ? (int)variable->name.len : 100, variable->name.at, reason.text);
}

static enum error_code set_kind(struct kinds_work *work, struct variable *variable, const struct variable *old,
				struct error *err)
{
	bool kept = is_kept(work, variable, old);
	bool template = name_set_use(&work->templates, &variable->name);

	if (name_set_use(&work->unset, &variable->name)) {
		if (template || !kept)
			return refuse(&variable->name, "is given a value and unset at once", err);
		variable->kind = KIND_UNSET;
		variable->value = (struct text_span){ .at = "" };
		return ERR_OK;
	}
	if (template && kept && work->kinds->only_given)
		return refuse_kept(&variable->name, err);
	if (template && make_template(variable, err) != ERR_OK)
		return err->code;
	if (!work->kinds->has_templates && !kept && variable->kind == KIND_TEXT && old && old->kind == KIND_TEMPLATE)
		variable->kind = KIND_TEMPLATE;
	return check_syntax(variable, err);
}

static enum error_code set_kinds(struct kinds_work *work, struct variable_list *list,
				 const struct revision_record *before, struct error *err)
{
	size_t old = 0;

	for (size_t i = 0; i < list->len; i++) {
		struct variable *variable = &list->items[i];
		bool found;

		while (old < before->variables_len && text_order(&before->variables[old].name, &variable->name) < 0)
			old++;
		found = old < before->variables_len && text_order(&before->variables[old].name, &variable->name) == 0;
		if (set_kind(work, variable, found ? &before->variables[old] : NULL, err) != ERR_OK)
			return err->code;
	}
	for (size_t i = 0; i < work->templates.len; i++)
		if (!work->templates.used[i])
			return work->patch && work->kinds->only_given ?
				       refuse_kept(&work->templates.names[i], err) :
				       refuse(&work->templates.names[i], "is named as a template but would have no value", err);
	return ERR_OK;
}

/* -- masks ----------------------------------------------------------------- */

static int compare_variables(const void *a, const void *b)
{
	const struct variable *left = a, *right = b;

	return text_order(&left->name, &right->name);
}

static enum error_code make_room(struct variable_list *list, size_t more, struct error *err)
{
	struct variable *items = calloc(list->len + more + 1, sizeof(*items));

	if (!items)
		return no_memory(err);
	memcpy(items, list->items, list->len * sizeof(*items));
	sodium_memzero(list->items, list->capacity * sizeof(*items));
	free(list->items);
	list->items = items;
	list->capacity = list->len + more + 1;
	return ERR_OK;
}

static void add_mask(struct variable_list *list, const struct text_span *name)
{
	list->items[list->len++] = (struct variable){ .name = *name, .kind = KIND_UNSET, .value = { .at = "" } };
}

/* The masks that are not in the list yet: of the request, and of a whole write without any those of before. */
static enum error_code add_masks(const struct kinds_work *work, struct variable_list *list,
				 const struct revision_record *before, struct error *err)
{
	bool keep = !work->kinds->has_unset && !work->patch;
	size_t sorted = list->len;

	if (!keep && work->unset.len == 0)
		return ERR_OK;
	if (make_room(list, keep ? before->variables_len : work->unset.len, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < work->unset.len; i++)
		if (!work->unset.used[i] &&
		    (i == 0 || text_order(&work->unset.names[i - 1], &work->unset.names[i]) != 0))
			add_mask(list, &work->unset.names[i]);
	for (size_t i = 0; keep && i < before->variables_len; i++)
		if (before->variables[i].kind == KIND_UNSET && !variables_find(list->items, sorted, &before->variables[i].name))
			add_mask(list, &before->variables[i].name);
	qsort(list->items, list->len, sizeof(*list->items), compare_variables);
	if (list->len > LIMIT_VARIABLES)
		return error_set(err, ERR_TOO_LARGE, "the environment would have %zu variables, the limit is %d",
				 list->len, LIMIT_VARIABLES);
	return ERR_OK;
}

static enum error_code check_apart(struct kinds_work *work, struct error *err)
{
	for (size_t i = 0; i < work->templates.len; i++)
		if (name_set_use(&work->unset, &work->templates.names[i]))
			return refuse(&work->templates.names[i], "is named as a template and unset at once", err);
	return ERR_OK;
}

enum error_code variables_set_kinds(struct variable_list *list, const struct revision_record *before,
				    const struct kv_kinds *kinds, bool patch, struct error *err)
{
	cleanup_(kinds_work_wipe) struct kinds_work work = { .kinds = kinds, .patch = patch };

	if (kinds->has_templates && read_names(list, &kinds->templates, &work.templates, err) != ERR_OK)
		return err->code;
	if (kinds->has_unset && read_names(list, &kinds->unset, &work.unset, err) != ERR_OK)
		return err->code;
	if (check_apart(&work, err) != ERR_OK || set_kinds(&work, list, before, err) != ERR_OK)
		return err->code;
	return add_masks(&work, list, before, err);
}
