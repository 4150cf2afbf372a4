/*
 * Every maximum of the project, with its reason. A limit is tested at N and N+1.
 * Sizes are bytes unless the name says otherwise.
 */
#pragma once

/* names (docs/http-api.md) */
#define LIMIT_ENV_SEGMENTS 8		/* deeper trees are never needed and cost path matching */
#define LIMIT_ENV_SEGMENT_LEN 127
#define LIMIT_ENV_PATH_LEN (LIMIT_ENV_SEGMENTS * (LIMIT_ENV_SEGMENT_LEN + 1) - 1)
#define LIMIT_VARIABLE_NAME_LEN 1024	/* Vault clients may write any JSON key; bounded, never 0 */
#define LIMIT_MESSAGE_LEN 1024		/* why a revision was made */
#define LIMIT_CUSTOM_METADATA_KEYS 64	/* as Vault's */
#define LIMIT_CUSTOM_METADATA_KEY_LEN 128
#define LIMIT_CUSTOM_METADATA_VALUE_LEN 512

#define LIMIT_MOUNT_PATH_LEN 127		/* with its slash: it stands before every path of its environments */
#define LIMIT_MOUNT_DESCRIPTION_LEN 255
#define LIMIT_MOUNTS 256		/* all of them are in memory, and looked at when one is added */

/* environments */
#define LIMIT_REVISION_PLAIN 524156	/* encoded revision: 128 pages of LMDB exactly (docs/storage-format.md) */
#define LIMIT_VARIABLES 10000		/* in one environment */
#define LIMIT_MAX_VERSIONS 1000		/* a head names every kept revision; 1,000 fit one record */
#define DEFAULT_MAX_VERSIONS 100	/* what max_versions = 0 means */
#define LIMIT_EXEC_STRING 131071	/* NAME=VALUE of execve: MAX_ARG_STRLEN less its NUL */

#define LIMIT_RESOLVE_ENVIRONMENTS 16	/* in one resolve: the environment, its parents and theirs, and whatever templates name */
#define LIMIT_PARENTS (LIMIT_RESOLVE_ENVIRONMENTS - 1)	/* of one environment */
#define LIMIT_CHILDREN_CHECKED 32	/* after a write, and named in its warning */
#define LIMIT_CHILDREN_BYTES (8u * 1024 * 1024)	/* decrypted for that; some milliseconds */
#define LIMIT_TEMPLATE_FILTERS 4	/* of one reference; each may make it up to six times as long */
#define LIMIT_TEMPLATE_DEPTH 32		/* templates that refer to templates */
#define LIMIT_TEMPLATE_REFERENCES 20000	/* followed in one resolve, on an event thread; to empty values too: some 20 ms */
#define LIMIT_RESOLVED (2u * 1024 * 1024)	/* names and values of a resolved environment; execve takes no more */
#define LIMIT_ALLOW_NAMES 256		/* names that `run` may accept, in one environment's settings */
#define LIMIT_NAME_LIST (64u * 1024 * 1024)	/* names in one listing; a million environments of ordinary names */

/* cubbyholes and wrapped answers */
#define LIMIT_CUBBYHOLE_PATHS 128	/* of one token: all of them go with it in one commit */
#define LIMIT_CUBBYHOLE_BYTES (1024 * 1024)	/* of one token, JSON text in all */
#define LIMIT_LEASE_ID_LEN 255		/* the path that a token was made by, and its accessor */
#define LIMIT_WRAP_SECONDS (32 * 24 * 3600)	/* lifetime of a wrapped answer, as Vault's */
#define LIMIT_WRAPPED 10000		/* answers that wait to be unwrapped */
#define LIMIT_WRAPPED_BYTES (256u * 1024 * 1024)	/* of all of them */
#define LIMIT_RANDOM_BYTES (128 * 1024)	/* of one sys/tools/random, as Vault's */
#define LIMIT_WRAPPED_BODY (500 * 1024)	/* of one: with its path it fits one record */

/* quotas */
#define LIMIT_QUOTAS 64			/* each request is compared with all of them */
#define LIMIT_QUOTA_NAME_LEN 127
#define LIMIT_QUOTA_PATH_LEN 511
#define LIMIT_QUOTA_BUCKETS 4096	/* clients that are remembered, of all quotas together */

/* mounts */
#define LIMIT_SWEEP_ENVIRONMENTS 256	/* of a disabled mount, destroyed in one commit */
#define LIMIT_SWEEP_RECORDS 4096	/* and what hangs on them, about */

/* memory of core/ */
#define LIMIT_HEAD_CACHE (6u * 1024 * 1024)	/* decoded heads; about 900 of 100 revisions each */
#define LIMIT_TOKEN_CACHE 256		/* token records kept decoded; a miss costs one decryption */

/* policies (docs/policies.md) */
#define LIMIT_POLICY_NAME_LEN 128
#define LIMIT_POLICY_TEXT (64u * 1024)
#define LIMIT_POLICY_RULES 4096		/* in one policy */
#define LIMIT_POLICY_PATH_LEN (LIMIT_TARGET_LEN - 4)	/* of a rule: whatever a request may name without "/v1/" */
#define LIMIT_POLICY_SEGMENTS 32	/* of a rule's path; bounds the work of a decision */
#define LIMIT_POLICIES 4096		/* in one vault; all of them stand in memory */
#define LIMIT_POLICY_TEXTS (8u * 1024 * 1024)	/* all texts together */
#define LIMIT_ACL_RULES 16384		/* of all policies of one token */
#define LIMIT_CAPABILITY_PATHS 256	/* asked for in one request */
#define LIMIT_EXPLAIN_POLICIES 64
#define LIMIT_ACL_CACHE 64		/* compiled sets of policies; a miss costs parsing their texts */

/* tokens */
#define DEFAULT_TOKEN_TTL_SECONDS (768 * 3600)	/* as Vault's: 32 days */
#define LIMIT_TOKEN_TTL_SECONDS (768 * 3600)	/* the longest life without a period, and the longest period */
#define LIMIT_BATCH_TTL_SECONDS (24 * 3600)	/* a batch token is not stored: it must not outlive a day */
#define LIMIT_TOKENS 1000000		/* stored at a time; each costs about 100 bytes of memory */
#define LIMIT_TOKEN_DEPTH 64		/* tokens made by tokens: each use walks up the chain */
#define LIMIT_TOKEN_POLICIES 64
#define LIMIT_TOKEN_DISPLAY_LEN 63	/* stands in each revision as its author */
#define LIMIT_TOKEN_META_KEYS 64
#define LIMIT_TOKEN_META_KEY_LEN 128
#define LIMIT_TOKEN_META_VALUE_LEN 512
#define LIMIT_TOKEN_CIDRS 16		/* all are compared at each use */
#define LIMIT_TOKEN_USES 1000000000
#define LIMIT_CUSTOM_TOKEN_LEN 128	/* a text that root chooses */
#define LIMIT_TOKEN_ROLE_NAME_LEN 64
#define LIMIT_TOKEN_PATH_SUFFIX_LEN 64
#define LIMIT_REVOKE_BATCH 256		/* tokens deleted in one commit; what is left below them is dead already */

/* dialects (docs/env-formats.md) */
#define LIMIT_FILE_NAME 255		/* of Linux: a variable in a directory is a file of its name */
#define LIMIT_GITLAB_NAME_LEN 255
#define LIMIT_GITLAB_BYTES (5u * 1024)	/* of a report, by default; a warning from here on */
#define LIMIT_GITLAB_VARIABLES 20	/* by default; a warning beyond */
#define LIMIT_KUBERNETES_NAME_LEN 253	/* of a Secret and of its keys */
#define LIMIT_KUBERNETES_NAMESPACE_LEN 63
#define LIMIT_KUBERNETES_BYTES (1024u * 1024)	/* of a Secret's values */
#define LIMIT_YAML_DEPTH 32		/* of what is passed over */
#define LIMIT_YAML_BASE (256u * 1024)	/* of libyaml's memory, beside three times the text */
#define LIMIT_YAML_SIMPLE_KEY 128	/* bytes; 1,024 characters for YAML, and an escape has up to ten */

/* schemas (docs/schema.md) */
#define LIMIT_SCHEMA_TEXT (256u * 1024)	/* a .env.example with its comments */
#define LIMIT_SCHEMA_CHOICES 64	/* of "one of: a, b" */
#define LIMIT_SCHEMA_JOINED (64u * 1024)	/* bytes that concat() joins in one condition; beyond, it cannot be told */
#define LIMIT_SCHEMA_TAGS 64		/* of one variable */
#define LIMIT_SCHEMA_OWNER 128		/* bytes of owner= */
#define LIMIT_SCHEMA_NOTIFY 1024	/* bytes of notify= */
#define LIMIT_SCHEMA_WORD 1024		/* bytes of what a comment gives as default or example */
#define LIMIT_SCHEMA_NODES 65536	/* of all decorators of one text */
#define LIMIT_SCHEMA_DEPTH 16		/* of a decorator's value: lists in calls in lists */
#define LIMIT_SCHEMA_TYPES (8u * 1024 * 1024)	/* compiled, of one text: a pattern of 40 bytes may take 40 KiB */
#define LIMIT_REGEX_LEN 1024
#define LIMIT_REGEX_MATCH 100000	/* steps of one match, and one for four bytes; beyond, the value counts as not matching, with a warning */
#define LIMIT_CHECK_STEPS 500000	/* of all patterns of one check, and one for four bytes: some 15 ms on an event thread */
#define LIMIT_SCHEMA_PARTS LIMIT_RESOLVE_ENVIRONMENTS	/* that count together: one of each environment */
#define LIMIT_REGEX_DEPTH 32		/* parentheses in parentheses */
#define LIMIT_REGEX_HEAP (1024u * 1024)	/* memory of one match */
#define LIMIT_TYPE_DEPTH 4		/* arrays of records of arrays */
#define LIMIT_TYPE_MEMBERS 1000		/* of an enum, or domains of a url */
#define LIMIT_TYPE_ELEMENTS 10000	/* of an array or record held in one value */
#define LIMIT_SCHEMA_CACHE (16u * 1024 * 1024)	/* compiled schemas in the daemon's memory */
#define LIMIT_BODY_SCHEMA (1600u * 1024)	/* a schema's text, each byte of it escaped */
#define LIMIT_CHECK_ENVIRONMENTS 1000	/* of a mount, compared with one for the same secrets */
#define LIMIT_CHECK_NAMES 100000	/* looked at in memory for those that the caller may read */
#define LIMIT_CHECK_BYTES (32u * 1024 * 1024)	/* decrypted for that; some 50 ms of the slow worker */
#define LIMIT_RIGHTS_ENVIRONMENTS 1024	/* that the author of an enforced schema must be allowed to read */
#define LIMIT_RIGHTS_BYTES (16u * 1024 * 1024)	/* decrypted for that; templates are looked for in it */
#define LIMIT_CHECK_VALUE_MIN 8		/* bytes; shorter values are alike by chance */
#define LIMIT_FINDINGS_TOLD 100		/* sentences in an answer's errors or warnings; data.findings has all */

/* HTTP */
#define LIMIT_TARGET_LEN 4096		/* request target, path and query */
#define LIMIT_HEADER_LEN 16384		/* all request headers together */
#define LIMIT_TOKEN_LEN 4096
#define LIMIT_BODY_DATA (4u * 1024 * 1024)	/* data/: JSON escapes make 512 KiB grow up to six times */
#define LIMIT_BODY_SMALL (64u * 1024)	/* every other route */
#define LIMIT_BODY_POLICY (448u * 1024)	/* a policy's text, each byte of it escaped */
#define LIMIT_BODY_INIT (96u * 1024)	/* sys/init and sys/unseal: the largest key file in base64 */
#define LIMIT_BODY_SLOTS (192u * 1024)	/* sys/slots and what goes with it: two of the largest key files */
#define LIMIT_SKIPPED_HEADER 2048	/* X-Vault-Skipped: names beyond it are counted */
#define LIMIT_QUERY_ARGS 16
#define LIMIT_QUERY_NAME_LEN 64		/* values are bounded by the target */
#define LIMIT_HEADERS 64
#define LIMIT_JSON_DEPTH 32
#define LIMIT_WAIT_SECONDS 300		/* ?wait= of resolve */
#define LIMIT_WAITERS 1024		/* blocked reads at a time; each keeps a connection */
#define LIMIT_CONNECTIONS 1000
#define DEADLINE_HEADER_SECONDS 10	/* from accept, or from the first byte of the next request */
#define DEADLINE_BODY_SECONDS 30
#define DEADLINE_REQUEST_SECONDS 60	/* without ?wait= */

/* slots and files */
#define LIMIT_PASSPHRASE_LEN 1024
#define LIMIT_KEY_FILE_MIN 32
#define LIMIT_KEY_FILE_MAX 65536
#define LIMIT_SHARES 16			/* of one set: the tags of all stand in the slot */
#define LIMIT_SHARE_MINUTES 60		/* collected shares, and attempts that need them, are forgotten when nobody goes on */
#define LIMIT_ENV_FILE (64u * 1024 * 1024)	/* an env file read for import */
#define LIMIT_COMPARED_LINES (256u * 1024)	/* of an env file that every reader is asked about: a second or two */
#define LIMIT_SECRET_FILE (16u * 1024 * 1024)

/* store */
#define LIMIT_BATCH_REQUESTS 500	/* requests in one commit; LMDB spills above about 100,000 dirty pages */
#define LIMIT_BATCH_BYTES (64u * 1024 * 1024)
#define LIMIT_QUEUED_REQUESTS 4096
#define LIMIT_STORE_KEY 511		/* of LMDB */
#ifdef VAULT_MEMORY_CHECKER	/* valgrind has no 64 GiB of addresses in one piece */
#define DEFAULT_STORE_MAX_SIZE_GIB 4
#else
#define DEFAULT_STORE_MAX_SIZE_GIB 64
#endif
#define DEFAULT_STORE_MAX_SIZE (DEFAULT_STORE_MAX_SIZE_GIB * 1024ull * 1024 * 1024)
