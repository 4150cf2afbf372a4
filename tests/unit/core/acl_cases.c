#include "acl_cases.h"

#include "vault/attributes.h"

const struct acl_case acl_cases[] = {
	{ "",
	  "r secret/data/a . none\n"
	  "l secret/metadata . none\n"
	  "u sys/seal . none\n"
	  "s sys/seal . none\n"
	  "r sys . none\n" },
	{ "secret/data/shop=r",
	  "r secret/data/shop + secret/data/shop\n"
	  "c secret/data/shop . secret/data/shop\n"
	  "u secret/data/shop . secret/data/shop\n"
	  "p secret/data/shop . secret/data/shop\n"
	  "d secret/data/shop . secret/data/shop\n"
	  "l secret/data/shop . secret/data/shop\n"
	  "s secret/data/shop . secret/data/shop\n"
	  "r secret/data/shop/x . none\n"
	  "r secret/data/sho . none\n"
	  "r secret/data/shops . none\n"
	  "r secret/data/Shop . none\n"
	  "r secret/data . none\n"
	  "r secret/data/shop/ . none\n" },
	{ "a/b=c",
	  "c a/b + a/b\n"
	  "r a/b . a/b\n"
	  "u a/b . a/b\n"
	  "p a/b . a/b\n"
	  "d a/b . a/b\n"
	  "l a/b . a/b\n"
	  "s a/b . a/b\n" },
	{ "a/b=r",
	  "c a/b . a/b\n"
	  "r a/b + a/b\n"
	  "u a/b . a/b\n"
	  "p a/b . a/b\n"
	  "d a/b . a/b\n"
	  "l a/b . a/b\n"
	  "s a/b . a/b\n" },
	{ "a/b=u",
	  "c a/b . a/b\n"
	  "r a/b . a/b\n"
	  "u a/b + a/b\n"
	  "p a/b . a/b\n"
	  "d a/b . a/b\n"
	  "l a/b . a/b\n"
	  "s a/b . a/b\n" },
	{ "a/b=p",
	  "c a/b . a/b\n"
	  "r a/b . a/b\n"
	  "u a/b . a/b\n"
	  "p a/b + a/b\n"
	  "d a/b . a/b\n"
	  "l a/b . a/b\n"
	  "s a/b . a/b\n" },
	{ "a/b=d",
	  "c a/b . a/b\n"
	  "r a/b . a/b\n"
	  "u a/b . a/b\n"
	  "p a/b . a/b\n"
	  "d a/b + a/b\n"
	  "l a/b . a/b\n"
	  "s a/b . a/b\n" },
	{ "a/b=l",
	  "c a/b . a/b\n"
	  "r a/b . a/b\n"
	  "u a/b . a/b\n"
	  "p a/b . a/b\n"
	  "d a/b . a/b\n"
	  "l a/b + a/b\n"
	  "s a/b . a/b\n" },
	{ "a/b=s",
	  "c a/b . a/b\n"
	  "r a/b . a/b\n"
	  "u a/b . a/b\n"
	  "p a/b . a/b\n"
	  "d a/b . a/b\n"
	  "l a/b . a/b\n"
	  "s a/b + a/b\n" },
	{ "a/b=crupdls",
	  "c a/b + a/b\n"
	  "r a/b + a/b\n"
	  "u a/b + a/b\n"
	  "p a/b + a/b\n"
	  "d a/b + a/b\n"
	  "l a/b + a/b\n"
	  "s a/b + a/b\n" },
	{ "a/b=-",
	  "c a/b . a/b\n"
	  "r a/b . a/b\n"
	  "u a/b . a/b\n"
	  "p a/b . a/b\n"
	  "d a/b . a/b\n"
	  "l a/b . a/b\n"
	  "s a/b . a/b\n" },
	{ "a/b=!",
	  "c a/b . a/b\n"
	  "r a/b . a/b\n"
	  "u a/b . a/b\n"
	  "p a/b . a/b\n"
	  "d a/b . a/b\n"
	  "l a/b . a/b\n"
	  "s a/b . a/b\n" },
	{ "a/b=cr!us",
	  "c a/b . a/b\n"
	  "r a/b . a/b\n"
	  "u a/b . a/b\n"
	  "p a/b . a/b\n"
	  "d a/b . a/b\n"
	  "l a/b . a/b\n"
	  "s a/b . a/b\n" },
	{ "secret/data/*=r",
	  "r secret/data/a + secret/data/*\n"
	  "r secret/data/a/b/c/d + secret/data/*\n"
	  "r secret/data . none\n"
	  "r secret/data/ + secret/data/*\n"
	  "r secret/database . none\n"
	  "u secret/data/a . secret/data/*\n"
	  "r secret/metadata/a . none\n" },
	{ "secret/data/ap*=r",
	  "r secret/data/ap + secret/data/ap*\n"
	  "r secret/data/app + secret/data/ap*\n"
	  "r secret/data/app/x + secret/data/ap*\n"
	  "r secret/data/ap/x + secret/data/ap*\n"
	  "r secret/data/a . none\n"
	  "r secret/data/Ap . none\n" },
	{ "*=r",
	  "r a + *\n"
	  "r a/b + *\n"
	  "r sys/seal + *\n"
	  "u a . *\n"
	  "r auth/token/lookup-self + *\n" },
	{ "s*=r",
	  "r secret + s*\n"
	  "r sys/x/y + s*\n"
	  "r auth . none\n" },
	{ "secret*=r",
	  "r secret + secret*\n"
	  "r secret/x + secret*\n"
	  "r secretive/x + secret*\n"
	  "r secre . none\n" },
	{ "a*=r ab*=u abc*=d",
	  "r a + a*\n"
	  "r ax + a*\n"
	  "u ab + ab*\n"
	  "r ab . ab*\n"
	  "u abx/y + ab*\n"
	  "d abc + abc*\n"
	  "d abcd + abc*\n"
	  "u abcd . abc*\n"
	  "r b . none\n"
	  "u abb + ab*\n" },
	{ "a/*=r a/b*=u a/b/*=d a/b/c=l",
	  "r a/x + a/*\n"
	  "u a/b + a/b*\n"
	  "u a/bx + a/b*\n"
	  "d a/b/x + a/b/*\n"
	  "l a/b/c + a/b/c\n"
	  "d a/b/c . a/b/c\n"
	  "d a/b/c/d + a/b/*\n"
	  "r a . none\n"
	  "u a/bb/c + a/b*\n" },
	{ "secret/*=crudl secret/data/prod/*=!",
	  "r secret/data/dev/x + secret/*\n"
	  "r secret/data/prod/x . secret/data/prod/*\n"
	  "r secret/data/prod + secret/*\n"
	  "u secret/data/prod/a/b . secret/data/prod/*\n"
	  "l secret/metadata/prod + secret/*\n" },
	{ "secret/*=! secret/data/prod/*=r",
	  "r secret/data/prod/x + secret/data/prod/*\n"
	  "r secret/data/dev/x . secret/*\n"
	  "r secret/data/prod . secret/*\n" },
	{ "secret/data/a=! secret/data/*=r",
	  "r secret/data/a . secret/data/a\n"
	  "r secret/data/b + secret/data/*\n"
	  "r secret/data/a/b + secret/data/*\n" },
	{ "secret/data/a=r secret/data/*=!",
	  "r secret/data/a + secret/data/a\n"
	  "r secret/data/b . secret/data/*\n" },
	{ "secret/data/a=r secret/+/a=! +/data/a=! *=!",
	  "r secret/data/a + secret/data/a\n"
	  "r secret/x/a . secret/+/a\n"
	  "r x/data/a . +/data/a\n"
	  "r q . *\n" },
	{ "secret/data/a=u secret/data/a*=r",
	  "r secret/data/a . secret/data/a\n"
	  "u secret/data/a + secret/data/a\n"
	  "r secret/data/ab + secret/data/a*\n" },
	{ "secret/data/+/db=r",
	  "r secret/data/a/db + secret/data/+/db\n"
	  "r secret/data/a/b/db . none\n"
	  "r secret/data/db . none\n"
	  "r secret/data/a/dbx . none\n"
	  "r secret/data/a/db/x . none\n"
	  "r secret/data/+/db + secret/data/+/db\n"
	  "r secret/data/a-b_c.d/db + secret/data/+/db\n" },
	{ "+/data/x=r",
	  "r secret/data/x + +/data/x\n"
	  "r a/b/data/x . none\n"
	  "r data/x . none\n"
	  "r kv/data/x + +/data/x\n" },
	{ "secret/data/+=r",
	  "r secret/data/a + secret/data/+\n"
	  "r secret/data/a/b . none\n"
	  "r secret/data . none\n" },
	{ "+=r",
	  "r sys + +\n"
	  "r sys/x . none\n"
	  "r a + +\n" },
	{ "+/+=r",
	  "r a/b + +/+\n"
	  "r a . none\n"
	  "r a/b/c . none\n" },
	{ "+/+/+=r",
	  "r a/b/c + +/+/+\n"
	  "r a/b . none\n"
	  "r a/b/c/d . none\n" },
	{ "secret/+/+/team=r secret/data/+/team=u",
	  "u secret/data/x/team + secret/data/+/team\n"
	  "r secret/data/x/team . secret/data/+/team\n"
	  "r secret/metadata/x/team + secret/+/+/team\n" },
	{ "secret/+/a*=r",
	  "r secret/x/a + secret/+/a*\n"
	  "r secret/x/ab/c + secret/+/a*\n"
	  "r secret/x/b . none\n"
	  "r secret/a . none\n"
	  "r secret/x/y/a . none\n" },
	{ "secret/+/*=r",
	  "r secret/x/a + secret/+/*\n"
	  "r secret/x/a/b + secret/+/*\n"
	  "r secret/x . none\n"
	  "r secret/x/ + secret/+/*\n" },
	{ "a/x+y/b=r",
	  "r a/x+y/b + a/x+y/b\n"
	  "r a/xzy/b . none\n"
	  "r a/x/b . none\n" },
	{ "a/++/b=r",
	  "r a/++/b + a/++/b\n"
	  "r a/x/b . none\n" },
	{ "a/+b/c=r a/b+/c=u",
	  "r a/+b/c + a/+b/c\n"
	  "r a/xb/c . none\n"
	  "u a/b+/c + a/b+/c\n"
	  "u a/bb/c . none\n" },
	{ "foo/bar/+/baz=r foo/+/bar/baz=u",
	  "r foo/bar/bar/baz + foo/bar/+/baz\n"
	  "u foo/bar/bar/baz . foo/bar/+/baz\n"
	  "u foo/x/bar/baz + foo/+/bar/baz\n" },
	{ "foo/a*=r foo/+=u",
	  "r foo/ab + foo/a*\n"
	  "u foo/ab . foo/a*\n"
	  "u foo/b + foo/+\n"
	  "r foo/ab/c + foo/a*\n" },
	{ "foo/*=r fo*=u",
	  "r foo/x + foo/*\n"
	  "u foo + fo*\n"
	  "u fob + fo*\n" },
	{ "secret/data/*=r secret/+/shop=!",
	  "r secret/data/shop + secret/data/*\n"
	  "r secret/metadata/shop . secret/+/shop\n" },
	{ "+/data/shop=! s*=r",
	  "r secret/data/shop + s*\n"
	  "r kv/data/shop . +/data/shop\n" },
	{ "a/b/c*=r a/+/c=! a/b/+=u",
	  "r a/b/c + a/b/c*\n"
	  "r a/x/c . a/+/c\n"
	  "u a/b/d + a/b/+\n"
	  "u a/b/c . a/b/c*\n" },
	{ "foo/+=r foo/*=u",
	  "r foo/x + foo/+\n"
	  "u foo/x . foo/+\n"
	  "u foo/x/y + foo/*\n"
	  "u foo/ . foo/+\n" },
	{ "foo/+/bar=r foo/+/ba*=u",
	  "r foo/x/bar + foo/+/bar\n"
	  "u foo/x/bar . foo/+/bar\n"
	  "u foo/x/baz + foo/+/ba*\n" },
	{ "foo/+/+=r foo/+/a*=u",
	  "r foo/x/ab + foo/+/+\n"
	  "u foo/x/ab/c + foo/+/a*\n" },
	{ "foo/+/+/+=r foo/*=u",
	  "r foo/a/b/c + foo/+/+/+\n"
	  "u foo/a/b + foo/*\n"
	  "u foo/a/b/c/d + foo/*\n" },
	{ "foo/+/b/c=r foo/+/+/c=u",
	  "r foo/a/b/c + foo/+/b/c\n"
	  "u foo/a/x/c + foo/+/+/c\n" },
	{ "foo/+/+/c=r foo/+/b/+=u foo/+/+/+=d",
	  "u foo/a/b/c + foo/+/b/+\n"
	  "r foo/a/x/c + foo/+/+/c\n"
	  "u foo/a/b/x + foo/+/b/+\n"
	  "d foo/a/x/y + foo/+/+/+\n" },
	{ "foo/*=r foo/+/bar*=!",
	  "r foo/x/bar + foo/*\n"
	  "r foo/x/barn + foo/*\n"
	  "r foo/y + foo/*\n" },
	{ "foo/+/*=r foo/+/+/b*=!",
	  "r foo/x/y/b + foo/+/*\n"
	  "r foo/x/y + foo/+/*\n" },
	{ "secret/data/*=r secret/data/+/x*=!",
	  "r secret/data/a/x1 + secret/data/*\n"
	  "r secret/data/a/y + secret/data/*\n" },
	{ "foo/+/bar/ba*=r foo/+/bar/b*=u",
	  "r foo/x/bar/bat + foo/+/bar/ba*\n"
	  "u foo/x/bar/bet + foo/+/bar/b*\n" },
	{ "foo/+/b*=r foo/+/bar/*=u",
	  "u foo/x/bar/y + foo/+/bar/*\n"
	  "r foo/x/bar + foo/+/b*\n"
	  "r foo/x/b/y + foo/+/b*\n" },
	{ "foo/+/b/+=r foo/+/+/c=u",
	  "r foo/a/b/c + foo/+/b/+\n" },
	{ "+/a/+=r +/+/b=u",
	  "r x/a/b + +/a/+\n"
	  "u x/c/b + +/+/b\n" },
	{ "a/+/+/d=r a/+/c/+=u",
	  "u a/b/c/d + a/+/c/+\n" },
	{ "a/b=r|a/b=u",
	  "r a/b + a/b\n"
	  "u a/b + a/b\n"
	  "d a/b . a/b\n" },
	{ "a/b=r|a/b=!",
	  "r a/b . a/b\n" },
	{ "a/b=!|a/b=crupdls",
	  "r a/b . a/b\n"
	  "s a/b . a/b\n" },
	{ "a/b=r|a/b=-",
	  "r a/b + a/b\n"
	  "u a/b . a/b\n" },
	{ "a/*=r|a/*=u|a/*=l",
	  "r a/x + a/*\n"
	  "u a/x + a/*\n"
	  "l a/x + a/*\n"
	  "d a/x . a/*\n" },
	{ "a/*=r|a/b*=u",
	  "u a/bc + a/b*\n"
	  "r a/bc . a/b*\n"
	  "r a/c + a/*\n" },
	{ "a/+/c=r|a/+/c=!",
	  "r a/b/c . a/+/c\n" },
	{ "a/+/c=r|a/+/c=u",
	  "r a/b/c + a/+/c\n"
	  "u a/b/c + a/+/c\n" },
	{ "a/b=r a/b=u",
	  "r a/b + a/b\n"
	  "u a/b + a/b\n" },
	{ "a/b=r a/b=!",
	  "r a/b . a/b\n" },
	{ "a/b=r|a/*=!",
	  "r a/b + a/b\n"
	  "r a/c . a/*\n" },
	{ "a/*=crudl|a/x/*=!",
	  "r a/b + a/*\n"
	  "r a/x/b . a/x/*\n"
	  "r a/x + a/*\n" },
	{ "/a/b=r",
	  "r a/b + a/b\n" },
	{ "/a/*=r|a/*=u",
	  "r a/b + a/*\n"
	  "u a/b + a/*\n" },
	{ "a/b=l",
	  "l a/b + a/b\n"
	  "l a/b/ + a/b\n"
	  "l a . none\n"
	  "l a/b/c . none\n" },
	{ "a/b/=l",
	  "l a/b + a/b/\n"
	  "l a/b/ + a/b/\n"
	  "r a/b . none\n"
	  "l a . none\n" },
	{ "a/b=l a/b/=!",
	  "l a/b . a/b/\n"
	  "l a/b/ . a/b/\n"
	  "r a/b . a/b\n" },
	{ "a/b=! a/b/=l",
	  "l a/b . a/b\n"
	  "l a/b/ . a/b\n" },
	{ "a/b=r a/b/=l",
	  "l a/b + a/b/\n"
	  "r a/b + a/b\n"
	  "r a/b/ . a/b/\n" },
	{ "a/b=l a/b/=r",
	  "l a/b . a/b/\n"
	  "l a/b/ . a/b/\n" },
	{ "a/*=l",
	  "l a + a/*\n"
	  "l a/ + a/*\n"
	  "l a/b + a/*\n"
	  "l a/b/ + a/*\n"
	  "l b . none\n" },
	{ "a/b*=l",
	  "l a/b + a/b*\n"
	  "l a/bc + a/b*\n"
	  "l a . none\n" },
	{ "a/+=l",
	  "l a/b + a/+\n"
	  "l a/b/ + a/+\n"
	  "l a/b/c . none\n"
	  "l a + a/+\n" },
	{ "a/+/=l",
	  "l a/b + a/+/\n"
	  "l a/b/ + a/+/\n"
	  "l a/b/c . none\n"
	  "l a . none\n"
	  "r a/b . none\n" },
	{ "secret/metadata/+=l secret/metadata/+/=!",
	  "l secret/metadata/x . secret/metadata/+/\n"
	  "l secret/metadata/x/ . secret/metadata/+/\n" },
	{ "secret/metadata/+=! secret/metadata/+/=l",
	  "l secret/metadata/x . secret/metadata/+\n"
	  "l secret/metadata/x/ . secret/metadata/+\n" },
	{ "secret/metadata/*=l secret/metadata/foo/*=!",
	  "l secret/metadata/foo . secret/metadata/foo/*\n"
	  "l secret/metadata/foo/ . secret/metadata/foo/*\n"
	  "l secret/metadata/foo/x . secret/metadata/foo/*\n"
	  "l secret/metadata/bar + secret/metadata/*\n"
	  "l secret/metadata + secret/metadata/*\n" },
	{ "secret/metadata/*=! secret/metadata/foo/*=l",
	  "l secret/metadata/foo . secret/metadata/*\n"
	  "l secret/metadata/foo/x + secret/metadata/foo/*\n"
	  "l secret/metadata . secret/metadata/*\n" },
	{ "secret/metadata/*=! secret/metadata/foo=l",
	  "l secret/metadata/foo + secret/metadata/foo\n"
	  "l secret/metadata/foo/ + secret/metadata/foo\n"
	  "l secret/metadata/foo/x . secret/metadata/*\n" },
	{ "secret/metadata/*=! secret/metadata/foo/=l",
	  "l secret/metadata/foo + secret/metadata/foo/\n"
	  "l secret/metadata/foo/ + secret/metadata/foo/\n"
	  "l secret/metadata/bar . secret/metadata/*\n" },
	{ "secret/metadata/*=l secret/metadata/foo/*=r",
	  "l secret/metadata/foo . secret/metadata/foo/*\n"
	  "l secret/metadata/bar + secret/metadata/*\n" },
	{ "secret/metadata/*=r secret/metadata/foo/*=l",
	  "l secret/metadata/foo + secret/metadata/foo/*\n"
	  "l secret/metadata/bar . secret/metadata/*\n" },
	{ "secret/metadata/foo*=! secret/metadata/foo/*=l",
	  "l secret/metadata/foo . secret/metadata/foo*\n"
	  "l secret/metadata/foo/x + secret/metadata/foo/*\n" },
	{ "secret/metadata/+/x*=! secret/metadata/+/+=l",
	  "l secret/metadata/a/xy . secret/metadata/+/x*\n"
	  "l secret/metadata/a/y + secret/metadata/+/+\n"
	  "l secret/metadata/a/xy/z . secret/metadata/+/x*\n" },
	{ "secret/metadata/+/x*=! secret/metadata/*=l",
	  "l secret/metadata/a/xy + secret/metadata/*\n" },
	{ "secret/metadata/+/x*=! secret/+/*=l",
	  "l secret/metadata/a/xy . secret/metadata/+/x*\n"
	  "l secret/metadata/a/xy/ . secret/metadata/+/x*\n"
	  "l secret/metadata/a/y + secret/+/*\n" },
	{ "secret/metadata=l secret/metadata/=l secret/*=!",
	  "l secret/metadata + secret/metadata/\n"
	  "l secret/metadata/x . secret/*\n" },
	{ "secret/metadata/=l secret/metadata*=!",
	  "l secret/metadata + secret/metadata/\n"
	  "l secret/metadata/x . secret/metadata*\n" },
	{ "+=l",
	  "l a + +\n"
	  "l a/ + +\n"
	  "l a/b . none\n" },
	{ "*=l",
	  "l a + *\n"
	  "l a/b/c + *\n" },
	{ "a/b@c:d~e,f=g.h=r",
	  "r a/b@c:d~e,f=g.h + a/b@c:d~e,f=g.h\n" },
	{ "a/.b*=r",
	  "r a/.bc + a/.b*\n"
	  "r a/b . none\n" },
	{ "a/-*=r a/=*=u",
	  "r a/-x + a/-*\n"
	  "u a/=x + a/=*\n"
	  "r a/x . none\n" },
	{ "a/b/c/d/e/f/g/h/i/j/k/l/m/n=r",
	  "r a/b/c/d/e/f/g/h/i/j/k/l/m/n + a/b/c/d/e/f/g/h/i/j/k/l/m/n\n"
	  "r a/b/c/d/e/f/g/h/i/j/k/l/m . none\n"
	  "r a/b/c/d/e/f/g/h/i/j/k/l/m/n/o . none\n" },
	{ "+/+/+/+/+/+/+/+=r +/+/+/+/+/+/+/*=u",
	  "r a/b/c/d/e/f/g/h + +/+/+/+/+/+/+/+\n"
	  "u a/b/c/d/e/f/g/h/i + +/+/+/+/+/+/+/*\n"
	  "u a/b/c . none\n" },
	{ "secret/data/shop/*=crup secret/metadata/shop/*=rl secret/delete/shop/*=u|auth/token/lookup-self=r",
	  "c secret/data/shop/production + secret/data/shop/*\n"
	  "d secret/data/shop/production . secret/data/shop/*\n"
	  "l secret/metadata/shop + secret/metadata/shop/*\n"
	  "l secret/metadata . none\n"
	  "u secret/delete/shop/x + secret/delete/shop/*\n"
	  "u secret/destroy/shop/x . none\n"
	  "r auth/token/lookup-self + auth/token/lookup-self\n"
	  "u auth/token/lookup-self . auth/token/lookup-self\n"
	  "r secret/data/shopping . none\n" },
	{ "sys/policies/acl/*=crudl sys/policies/acl=l sys/seal=us",
	  "u sys/policies/acl/x + sys/policies/acl/*\n"
	  "l sys/policies/acl + sys/policies/acl\n"
	  "s sys/seal + sys/seal\n"
	  "u sys/seal + sys/seal\n"
	  "r sys/policies/acl . sys/policies/acl\n" },
};

const unsigned acl_cases_len = ARRAY_LEN(acl_cases);
