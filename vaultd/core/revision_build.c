#include "core/revision_build.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/revision_compare.h"
#include "vault/limits.h"

#define US_PER_SECOND 1000000

static void carry_one(struct variable *variable, const struct variable *old, uint64_t revision, int64_t now)
{
	if (old && variables_equal(variable, old)) {
		variable->version = old->version;
		variable->changed_revision = old->changed_revision;
		variable->changed = old->changed;
		return;
	}
	variable->version = old ? old->version + 1 : 1;
	variable->changed_revision = revision;
	variable->changed = now;
}

void variables_carry(struct variable_list *list, const struct revision_record *before, uint64_t revision, int64_t now)
{
	size_t old = 0, old_len = before ? before->variables_len : 0;

	for (size_t i = 0; i < list->len; i++) {
		struct variable *variable = &list->items[i];
		int order = 1;

		while (old < old_len && (order = text_order(&before->variables[old].name, &variable->name)) < 0)
			old++;
		carry_one(variable, old < old_len && order == 0 ? &before->variables[old] : NULL, revision, now);
	}
}

enum error_code revision_check_size(const struct revision_record *record, struct error *err)
{
	size_t len = revision_encoded_len(record);

	if (len > LIMIT_REVISION_PLAIN)
		return error_set(err, ERR_TOO_LARGE, "the environment would be %zu bytes, the limit is %d", len,
				 LIMIT_REVISION_PLAIN);
	return ERR_OK;
}

uint64_t effective_max_versions(const struct head_record *head, const struct kv_config *mount)
{
	if (head->max_revisions > 0)
		return head->max_revisions;
	return mount->max_versions > 0 ? (uint64_t)mount->max_versions : DEFAULT_MAX_VERSIONS;
}

int64_t effective_deletion(const struct head_record *head, const struct kv_config *mount, int64_t now)
{
	int64_t seconds = head->delete_after_s;

	if (mount->delete_after_s < 0 || seconds < 0)
		return 0;
	if (seconds == 0 || (mount->delete_after_s > 0 && mount->delete_after_s < seconds))
		seconds = mount->delete_after_s;
	if (seconds == 0 || seconds > (INT64_MAX - now) / US_PER_SECOND)
		return 0;
	return now + seconds * US_PER_SECOND;
}

bool revision_is_readable(const struct head_revision *entry, int64_t now)
{
	return !(entry->flags & REVISION_DESTROYED) && (entry->deletion == 0 || entry->deletion > now);
}

struct kv_version kv_version_of(const struct head_record *head, uint64_t revision)
{
	const struct head_revision *entry = revision > 0 ? head_find_revision(head, revision) : NULL;

	if (!entry)
		return (struct kv_version){0};
	return (struct kv_version){
		.revision = revision,
		.created = entry->created,
		.deletion = entry->deletion,
		.destroyed = (entry->flags & REVISION_DESTROYED) != 0,
	};
}

/* -- the new head -------------------------------------------------------- */

static enum error_code no_memory(struct error *err)
{
	return error_set(err, ERR_NO_MEMORY, "no memory is left for the environment's head");
}

static void *copy_array(const void *from, size_t len, size_t extra, size_t size)
{
	void *copy = calloc(len + extra + 1, size);

	if (copy && len > 0)
		memcpy(copy, from, len * size);
	return copy;
}

static void free_array(void *array, size_t len, size_t size)
{
	if (!array)
		return;
	sodium_memzero(array, len * size);
	free(array);
}

void head_draft_wipe(struct head_draft *draft)
{
	struct head_record *head = &draft->head;

	free_array(head->revisions, head->revisions_len, sizeof(*head->revisions));
	free_array(head->custom, head->custom_len, sizeof(*head->custom));
	free_array(head->parents, head->parents_len, sizeof(*head->parents));
	text_pool_wipe(&draft->texts);
	sodium_memzero(draft, sizeof(*draft));
}

enum error_code head_draft_copy(const struct head_record *old, struct head_draft *ret, struct error *err)
{
	struct head_record *head = &ret->head;

	*head = *old;
	head->revisions = copy_array(old->revisions, old->revisions_len, 1, sizeof(*old->revisions));
	head->custom = copy_array(old->custom, old->custom_len, 0, sizeof(*old->custom));
	head->parents = copy_array(old->parents, old->parents_len, 0, sizeof(*old->parents));
	return head->revisions && head->custom && head->parents ? ERR_OK : no_memory(err);
}

enum error_code head_draft_new(const uint8_t mount[static ID_LEN], const struct env_path *path, int64_t now,
			       struct head_draft *ret, struct error *err)
{
	struct head_record empty = {
		.path = { .at = path->text, .len = path->len },
		.created = now,
		.updated = now,
		.data_key_version = 1,
	};

	memcpy(empty.mount, mount, ID_LEN);
	return head_draft_copy(&empty, ret, err);
}

void head_draft_add(struct head_draft *draft, int64_t created, int64_t deletion, const uint8_t pin[static PIN_LEN])
{
	struct head_record *head = &draft->head;
	struct head_revision *entry = &head->revisions[head->revisions_len++];

	*entry = (struct head_revision){ .created = created, .deletion = deletion };
	memcpy(entry->pin, pin, PIN_LEN);
	head->current++;
	if (head->oldest == 0)
		head->oldest = 1;
}

void head_draft_drop_oldest(struct head_draft *draft, uint64_t *ret_revision, bool *ret_destroyed)
{
	struct head_record *head = &draft->head;

	*ret_revision = head->oldest;
	*ret_destroyed = (head->revisions[0].flags & REVISION_DESTROYED) != 0;
	head->revisions_len--;
	memmove(head->revisions, head->revisions + 1, head->revisions_len * sizeof(*head->revisions));
	head->oldest++;
}

/* -- custom metadata ----------------------------------------------------- */

static enum error_code custom_text(struct head_draft *draft, struct json_span raw, struct text_span *ret,
				   struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(raw.len);

	if (!text)
		return no_memory(err);
	json_append_unescaped(text, raw);
	if (secret_buf_check(text, "a text of the custom metadata", err) != ERR_OK)
		return err->code;
	ret->len = (uint32_t)secret_buf_len(text);
	ret->at = text_pool_copy(&draft->texts, secret_buf_bytes(text), ret->len);
	return ret->at ? ERR_OK : no_memory(err);
}

static struct text_pair *custom_find(const struct head_record *head, const struct text_span *key, size_t *ret_place)
{
	size_t place = 0;

	while (place < head->custom_len && text_order(&head->custom[place].key, key) < 0)
		place++;
	*ret_place = place;
	if (place < head->custom_len && text_order(&head->custom[place].key, key) == 0)
		return &head->custom[place];
	return NULL;
}

static void custom_remove(struct head_record *head, const struct text_span *key)
{
	size_t place;

	if (!custom_find(head, key, &place))
		return;
	head->custom_len--;
	memmove(head->custom + place, head->custom + place + 1, (head->custom_len - place) * sizeof(*head->custom));
}

static void custom_put(struct head_record *head, const struct text_pair *pair)
{
	size_t place;
	struct text_pair *old = custom_find(head, &pair->key, &place);

	if (old) {
		old->value = pair->value;
		return;
	}
	memmove(head->custom + place + 1, head->custom + place, (head->custom_len - place) * sizeof(*head->custom));
	head->custom[place] = *pair;
	head->custom_len++;
}

static enum error_code too_many_keys(struct error *err)
{
	return error_set(err, ERR_INVALID, "custom_metadata may hold at most %d keys", LIMIT_CUSTOM_METADATA_KEYS);
}

static enum error_code check_pair(const struct text_pair *pair, struct error *err)
{
	if (pair->key.len < 1 || pair->key.len > LIMIT_CUSTOM_METADATA_KEY_LEN)
		return error_set(err, ERR_INVALID, "a key of custom_metadata is %u bytes long; 1 to %d are allowed",
				 pair->key.len, LIMIT_CUSTOM_METADATA_KEY_LEN);
	if (pair->value.len > LIMIT_CUSTOM_METADATA_VALUE_LEN)
		return error_set(err, ERR_INVALID,
				 "a value of custom_metadata is %u bytes long; at most %d are allowed", pair->value.len,
				 LIMIT_CUSTOM_METADATA_VALUE_LEN);
	return ERR_OK;
}

static enum error_code custom_member(struct head_draft *draft, const struct json_member *member, bool patch,
				     struct error *err)
{
	struct text_pair pair = {0};

	if (custom_text(draft, member->name, &pair.key, err) != ERR_OK)
		return err->code;
	if (patch && member->value.kind == JSON_SCAN_NULL) {
		custom_remove(&draft->head, &pair.key);
		return ERR_OK;
	}
	if (member->value.kind != JSON_SCAN_STRING)
		return error_set(err, ERR_INVALID, "every value of custom_metadata must be a string");
	if (custom_text(draft, json_string_span(&member->value), &pair.value, err) != ERR_OK ||
	    check_pair(&pair, err) != ERR_OK)
		return err->code;
	custom_put(&draft->head, &pair);
	return ERR_OK;
}

/*
 * Room for all keys that may stand beside each other before the last member was looked at: a patch may add before it
 * removes. No more than the limit removed and the limit added can make sense.
 */
static enum error_code custom_room(struct head_record *head, size_t members, struct error *err)
{
	struct text_pair *room;

	if (members > 2 * LIMIT_CUSTOM_METADATA_KEYS)
		return too_many_keys(err);
	room = copy_array(head->custom, head->custom_len, members, sizeof(*room));
	if (!room)
		return no_memory(err);
	free_array(head->custom, head->custom_len, sizeof(*head->custom));
	head->custom = room;
	return ERR_OK;
}

enum error_code head_draft_custom(struct head_draft *draft, const struct json_value *custom, bool patch,
				  struct error *err)
{
	struct json_member member;
	size_t cursor = 0;

	if (custom->kind != JSON_SCAN_OBJECT && custom->kind != JSON_SCAN_NULL)
		return error_set(err, ERR_INVALID, "custom_metadata must be an object of strings");
	if (!patch || custom->kind == JSON_SCAN_NULL)
		draft->head.custom_len = 0;
	if (custom->kind == JSON_SCAN_NULL)
		return ERR_OK;
	if (custom_room(&draft->head, json_count(custom), err) != ERR_OK)
		return err->code;
	while (json_next_member(custom, &cursor, &member))
		if (custom_member(draft, &member, patch, err) != ERR_OK)
			return err->code;
	return draft->head.custom_len > LIMIT_CUSTOM_METADATA_KEYS ? too_many_keys(err) : ERR_OK;
}
