#include "http/findings.h"

#include <stdio.h>

#include "vault/json_emit.h"
#include "vault/limits.h"
#include "vault/plural.h"

static void emit_sentence(struct secret_buf *out, const char *sentence)
{
	if (secret_buf_len(out) > 0)
		json_emit_raw_n(out, ",", 1);
	json_emit_cstring(out, sentence);
}

/* "PORT: is no port: 1 to 65535 (line 3 of the schema of base/common)" */
static void emit_finding(struct secret_buf *out, const struct finding *finding)
{
	char sentence[sizeof(finding->name) + sizeof(finding->text) + sizeof(finding->origin) + 64], place[sizeof(finding->origin) + 48] = "";

	if (finding->in_schema && finding->line > 0 && finding->origin[0] != '\0')
		snprintf(place, sizeof(place), " (line %u of the schema of %s)", finding->line, finding->origin);
	else if (finding->in_schema && finding->line > 0)
		snprintf(place, sizeof(place), " (line %u of the schema)", finding->line);
	else if (finding->line > 0)
		snprintf(place, sizeof(place), " (line %u, column %u)", finding->line, finding->column);
	snprintf(sentence, sizeof(sentence), "%s%s%s%s", finding->name, finding->name[0] != '\0' ? ": " : "", finding->text,
		 place);
	emit_sentence(out, sentence);
}

static size_t emit_some(const struct findings *findings, bool errors, size_t room, struct secret_buf *out)
{
	size_t told = 0;

	for (size_t i = 0; i < findings->len && told < room; i++) {
		const struct finding *finding = &findings->items[i];

		/* What is only good to know stands in data.findings. */
		if (finding->severity == FINDING_INFO || (finding->severity == FINDING_ERROR) != errors)
			continue;
		emit_finding(out, finding);
		told++;
	}
	return told;
}

static size_t of_interest(const struct findings *findings)
{
	size_t count = findings->omitted;

	for (size_t i = 0; i < findings->len; i++)
		count += findings->items[i].severity != FINDING_INFO;
	return count;
}

void findings_emit_sentences(const struct findings *findings, size_t hidden, struct secret_buf *out)
{
	size_t told = emit_some(findings, true, LIMIT_FINDINGS_TOLD, out), all = of_interest(findings);
	char sentence[96];

	told += emit_some(findings, false, LIMIT_FINDINGS_TOLD - told, out);
	if (all > told) {
		snprintf(sentence, sizeof(sentence), "and %zu more finding%s", all - told, plural(all - told, "", "s"));
		emit_sentence(out, sentence);
	}
	if (hidden > 0) {
		snprintf(sentence, sizeof(sentence), "%zu error%s of variables that you may not read", hidden,
			 plural(hidden, "", "s"));
		emit_sentence(out, sentence);
	}
}

void findings_emit_members(const struct findings *findings, size_t hidden, struct secret_buf *out)
{
	json_emit_raw(out, "\"findings\":");
	findings_emit_json(findings, out);
	json_emit_raw(out, ",\"hidden_errors\":");
	json_emit_uint(out, hidden);
}

void reply_findings(struct request *request, const char *summary, const struct findings *findings, size_t hidden)
{
	cleanup_(secret_buf_freep) struct secret_buf *sentences = secret_buf_new(LIMIT_BODY_DATA);
	struct secret_buf *out = reply_bare(request, 400);

	if (!out || !sentences)
		return;
	findings_emit_sentences(findings, hidden, sentences);
	if (secret_buf_len(sentences) == 0)
		json_emit_cstring(sentences, summary);
	json_emit_raw(out, "{\"errors\":[");
	json_emit_raw_n(out, secret_buf_text(sentences), secret_buf_len(sentences));
	json_emit_raw(out, "],\"data\":{");
	findings_emit_members(findings, hidden, out);
	json_emit_raw(out, "}}");
}
