#include "dialect_test.h"

#define COMMAND "not an assignment"

static const struct decode_row rows[] = {
	{ .text = "A=b\n", .set = { "A", "b" } },
	{ .text = "A=b", .set = { "A", "b" } },
	{ .text = "A=", .set = { "A", "" } },
	{ .text = "", .set = { NULL } },
	{ .text = "A=  b c  \n", .refused = COMMAND, .line = 1 },
	{ .text = "A = b\n", .refused = COMMAND },
	{ .text = "export A=b\n", .set = { "A", "b" } },
	{ .text = "export \\\n\tA=b B=c\n", .set = { "A", "b", "B", "c" } },
	{ .text = "export\\\nA=b\n", .refused = COMMAND },
	{ .text = "export=b\n", .set = { "export", "b" } },
	{ .text = "export\n", .refused = COMMAND },
	{ .text = "export # x\n", .refused = COMMAND },
	{ .text = "export -p\n", .refused = COMMAND },
	{ .text = "A=b\nexport A\n", .set = { "A", "b" } },
	{ .text = "export A\n", .set = { NULL }, .warned = "not set in this file", .line = 1 },
	{ .text = "A=1 B=2; C=3 ;D=4;\n", .set = { "A", "1", "B", "2", "C", "3", "D", "4" } },
	{ .text = "A=1;;B=2\n", .refused = COMMAND },
	{ .text = "A=1 env\n", .refused = COMMAND },
	{ .text = "A=1 export B=2\n", .refused = COMMAND },
	{ .text = "A=b #c\n", .set = { "A", "b" } },
	{ .text = "A=b#c\n", .set = { "A", "b#c" } },
	{ .text = "A=#b\n", .set = { "A", "#b" } },
	{ .text = "A= #b\n", .set = { "A", "" } },
	{ .text = "A=b\t#c\n", .set = { "A", "b" } },
	{ .text = "A=\"b\" #c\n", .set = { "A", "b" } },
	{ .text = "A=\"b\"c\n", .set = { "A", "bc" } },
	{ .text = "A=b\"c\"\n", .set = { "A", "bc" } },
	{ .text = "A='b'\"c\"\n", .set = { "A", "bc" } },
	{ .text = "A='it'\\''s'\n", .set = { "A", "it's" } },
	{ .text = "A='it'\"'\"'s'\n", .set = { "A", "it's" } },
	{ .text = "A=\"b\\nc\"\n", .set = { "A", "b\\nc" } },
	{ .text = "A='b\\nc'\n", .set = { "A", "b\\nc" } },
	{ .text = "A=b\\nc\n", .set = { "A", "bnc" } },
	{ .text = "A=\"b\\\\c\"\n", .set = { "A", "b\\c" } },
	{ .text = "A='b\\\\c'\n", .set = { "A", "b\\\\c" } },
	{ .text = "A=b\\\\c\n", .set = { "A", "b\\c" } },
	{ .text = "A=b\\ c\n", .set = { "A", "b c" } },
	{ .text = "A=\"b\\\"c\"\n", .set = { "A", "b\"c" } },
	{ .text = "A='b\\'\nB=c\n", .set = { "A", "b\\", "B", "c" } },
	{ .text = "A='b\\'c'\n", .refused = "not closed", .line = 1 },
	{ .text = "A=\"b\\$c\\`\"\n", .set = { "A", "b$c`" } },
	{ .text = "A=b\\$c\\`\n", .set = { "A", "b$c`" } },
	{ .text = "A=\"b$$HOSTVAR\"\n", .refused = "another variable" },
	{ .text = "X=1\nA=\"b${HOSTVAR}\"\n", .refused = "another variable", .line = 2 },
	{ .text = "A=b$HOSTVAR\n", .refused = "another variable" },
	{ .text = "A=$'b'\n", .refused = "another variable" },
	{ .text = "A='b${HOSTVAR}$(x)`y`'\n", .set = { "A", "b${HOSTVAR}$(x)`y`" } },
	{ .text = "A=\"$(echo hi)\"\n", .refused = "runs a command" },
	{ .text = "A=$(echo hi)\n", .refused = "runs a command" },
	{ .text = "A=`b c`\n", .refused = "runs a command" },
	{ .text = "A=\"b`echo x`c\"\n", .refused = "runs a command" },
	{ .text = "A=\"b\nc\"\nB=d\n", .set = { "A", "b\nc", "B", "d" } },
	{ .text = "A='b\nc'\n", .set = { "A", "b\nc" } },
	{ .text = "A=b\\\nc\n", .set = { "A", "bc" } },
	{ .text = "A=\"b\\\nc\"\n", .set = { "A", "bc" } },
	{ .text = "\\\nA=b\n", .set = { "A", "b" } },
	{ .text = "A=b\\", .refused = "ends in a backslash" },
	{ .text = "A=b\r\nB='c'\r\n", .set = { "A", "b\r", "B", "c\r" }, .warned = "CR LF" },
	{ .text = "A=b\r\n\r\n", .refused = COMMAND, .line = 2 },
	{ .text = "A=\"b\r\nc\"\n", .set = { "A", "b\r\nc" } },
	{ .text = "\xef\xbb\xbf" "A=b\n", .refused = COMMAND },
	{ .text = "A=\nB=c\n", .set = { "A", "", "B", "c" } },
	{ .text = "A\nB=c\n", .refused = COMMAND, .line = 1 },
	{ .text = "A: b\n", .refused = COMMAND },
	{ .text = "A=1\nA=2\n", .set = { "A", "2" }, .warned = "more than once" },
	{ .text = ";A=1\nB=2\n", .refused = COMMAND },
	{ .text = "A-B=1\n", .refused = COMMAND },
	{ .text = "1A=1\n", .refused = COMMAND },
	{ .text = "'A'=1\n", .refused = COMMAND },
	{ .text = "A+=1\n", .refused = COMMAND },
	{ .text = "A[0]=1\n", .refused = COMMAND },
	{ .text = "A=(b c)\n", .refused = "an operator" },
	{ .text = "A=b&\n", .refused = "an operator" },
	{ .text = "A=b|c\n", .refused = "an operator" },
	{ .text = "A=b>c\n", .refused = "an operator" },
	{ .text = "A=~/b\n", .refused = "home directory" },
	{ .text = "A=/a:~/b\n", .refused = "home directory" },
	{ .text = "A='~'/b\n", .set = { "A", "~/b" } },
	{ .text = "A=*.c\nB={1,2}\n", .set = { "A", "*.c", "B", "{1,2}" } },
	{ .text = "export A=*.c\n", .refused = "after export" },
	{ .text = "export A={1,2}\n", .refused = "after export" },
	{ .text = "export A='*'\n", .set = { "A", "*" } },
	{ .text = "A=\xe9\n", .set = { "A", "\xe9" } },
	{ .text = "A=b\x01" "c\n", .set = { "A", "b\x01" "c" } },
	{ .text = "A=\"b\nB=c\n", .refused = "not closed", .line = 1 },
	{ .text = "A='b\n", .refused = "not closed" },
	{ .text = "A=it's\nB=don't\n", .set = { "A", "its\nB=dont" } },
	{ .text = "A=b=c==\n", .set = { "A", "b=c==" } },
	{ .text = "A=\"b!c\"\n", .set = { "A", "b!c" } },
	{ .text = "#c \\\nA=b\n", .set = { "A", "b" } },
	{ .text = "UID=5\n", .refused = "meaning of its own" },
	{ .text = "export RANDOM=5\n", .refused = "meaning of its own" },
	{ .text = "if true; then A=1; fi\n", .refused = COMMAND },
	{ .text = ". ./other\n", .refused = COMMAND },
	{ .text = "A=b\0\n", .refused = "not a text file", .len = 5 },
};

static void reads_constants_as_a_shell_does(void **state)
{
	(void)state;
	check_decode_table("shell", rows, ARRAY_LEN(rows));
}

static void refuses_only_names_and_nul(void **state)
{
	static const struct refuse_row refusals[] = {
		{ "A", "", .refused = NULL },
		{ "A1_", " '\"\\`$#~*\r\n\t\x01\xe9\xff ", .refused = NULL },
		{ "B", "a\0b", .value_len = 3, .refused = "NUL" },
		{ "C-D", "x", .refused = "letters, digits" },
		{ "C.D", "x", .refused = "letters, digits" },
		{ "1C", "x", .refused = "letters, digits" },
		{ "UID", "x", .refused = "meaning of its own" },
		{ "SHELLOPTS", "x", .refused = "meaning of its own" },
		{ "_", "x", .refused = "meaning of its own" },
	};
	(void)state;
	check_refuse_table("shell", refusals, ARRAY_LEN(refusals));
}

static void names_with_a_meaning_are_refused_both_ways(void **state)
{
	static const char *const names[] = {
		"BASHOPTS", "BASHPID", "BASH_ALIASES", "BASH_ARGC", "BASH_ARGV", "BASH_ARGV0", "BASH_CMDS", "BASH_COMMAND",
		"BASH_LINENO", "BASH_REMATCH", "BASH_SOURCE", "BASH_SUBSHELL", "BASH_VERSINFO", "DIRSTACK",
		"EPOCHREALTIME", "EPOCHSECONDS", "EUID", "FUNCNAME", "GROUPS", "HISTCMD", "LINENO", "OPTIND", "PIPESTATUS",
		"PPID", "RANDOM", "SECONDS", "SHELLOPTS", "SRANDOM", "UID", "_",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char text[64];
		const struct refuse_row row = { .name = names[i], .value = "1", .refused = "meaning of its own" };
		check_refuse_table("shell", &row, 1);
		snprintf(text, sizeof(text), "%s=1\n", names[i]);
		check_decode(must_find("shell"),
			     &(struct decode_row){ .text = text, .refused = "meaning of its own", .line = 1 });
	}
	check_written("shell", "BASH_ENV", "x", "export BASH_ENV='x'\n");
	check_written("shell", "COPROC", "x", "export COPROC='x'\n");
	check_written("shell", "UIDS", "x", "export UIDS='x'\n");
}

static void writes_single_quotes(void **state)
{
	(void)state;
	check_written("shell", "A", "b", "export A='b'\n");
	check_written("shell", "A", "", "export A=''\n");
	check_written("shell", "A", "'it''s'\n", "export A=''\\''it'\\'''\\''s'\\''\n'\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_constants_as_a_shell_does),
		cmocka_unit_test(refuses_only_names_and_nul),
		cmocka_unit_test(names_with_a_meaning_are_refused_both_ways),
		cmocka_unit_test(writes_single_quotes),
	};
	return cmocka_run_group_tests_name("dialect_shell", tests, NULL, NULL);
}
