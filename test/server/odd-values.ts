const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`

/** The lines of a text, each of them a value. */
const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '')

/** JSON texts of values that few expect. Each is valid JSON. */
export const oddJson: readonly string[] = [
  ...linesOf(String.raw`
null
true
false
0
-0
-1
1.5
1e400
-1e400
1e-400
1E2
12345
9007199254740993
9223372036854775807
9223372036854775808
-9223372036854775809
111111111111111111111111111111111111111111111111111111111111
""
"x"
" "
"\u0000"
"\ud800"
"\udc00\ud800"
"\uffff"
"\u202e"
"😀"
"\n"
"NaN"
"Infinity"
"-Infinity"
"true"
"5"
"__proto__"
"constructor"
"then"
"toString"
"%00"
"../../etc/passwd"
"a:b"
"a@b"
"a@b(c=d)"
"airport_delays:"
"airport_delays@"
":"
"airport_delays@a(airport=x):delay"
"airport_delays@airport_delays"
"taps_seen"
"archive"
"risk"
"2026-02-30T00:00:00Z"
"0000-01-01"
"9999-12-31T23:59:59.9999999Z"
"+275760-09-13"
"infinity"
"2026-03-09T23:00:00+99:99"
"-infinity"
"1d"
"99999999999w"
"-1d"
"2026-03-09"
"now"
"'; DROP TABLE flights; --"
"SELECT 1"
"*"
"//"
"both"
"spine"
"eventTimes"
"AP8="
[]
[[]]
[null]
[1,"x"]
{}
{"a":1}
{"":1}
{"a":{"b":[]}}
{"airport":"ORD"}
{"__proto__":{"polluted":1}}
{"constructor":{"prototype":{"polluted":1}}}
{"toString":1,"valueOf":2}
{"airport":["ORD","LGA"]}
{"airport":["ORD"],"x":[]}
{"rows":[]}
{"type":"Buffer","data":[1]}
`),
  deep(20),
  `"${'x'.repeat(5000)}"`,
  `[${'0,'.repeat(99)}0]`,
  `"${'é'.repeat(600)}"`,
]

/** Texts that are no JSON. */
export const brokenJson: readonly string[] = [
  ...linesOf(String.raw`
{
}
[
]
"
'x'
nul
tru
NaN
Infinity
-Infinity
undefined
0x10
01
.5
1.
+1
{"a":1,}
[1,]
{a:1}
{'a':1}
{"a" 1}
{"a":1}{
{}{}
1 2
"\x41"
"\ud8"
"\u00g0"
/* x */ {}
{} // x
<xml/>
a: b
--1
1e
`),
  '"a\nb"',
  '\u0000',
  '{"a":\u0000}',
  '\ufeff\ufeff{}',
]

/** Bytes that are no UTF-8. */
export const brokenBytes: readonly Buffer[] = [
  Buffer.from([0xff, 0xfe]),
  Buffer.from('{"a":"\xff"}', 'latin1'),
  Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]),
  Buffer.from([0x22, 0xc0, 0xaf, 0x22]),
  Buffer.from('{"rows":[]}', 'utf16le'),
]

/** Words for paths and query strings, encoded as they are sent. */
export const oddWords: readonly string[] = [
  '',
  ...`x -1 0 1 1.5 99999999999999999999 true TRUE null NaN %00 %0A %20 %2F __proto__ constructor then hasOwnProperty
    %F0%9F%98%80 %ED%95%9C a%2Fb .. %2e%2e . a:b airport_delays: airport_delays:dela airport_delays@a:delay airport_delay
    AIRPORT_DELAYS * 2026-03-09 2026-02-30 soon 1d succeeded eventTimes airport_delays taps_seen taps %25 ';-- " {name} run_x
    5e3 +1 1%2B1`.split(/\s+/),
  'x'.repeat(100),
  'x'.repeat(4000),
  '%C3%A9'.repeat(300),
]

/** Names of members and parameters that no request has, and some that every object of JavaScript has. */
export const strangeNames: readonly string[] = [
  '',
  ' ',
  'a b',
  ...`x unknown Features feature entitys row ttl é 😀 a/b a~b a.b 0 constructor toString valueOf hasOwnProperty then prototype
    length __defineGetter__ toJSON`.split(/\s+/),
]

/** Bodies that are no JSON, right for some type or for none. */
export const otherBodies: readonly string[] = [
  '',
  'a',
  'a,b\n1,2\n',
  'airport,event_timestamp\nORD,2026-03-09\n',
  'airport,event_timestamp\n"ORD',
  'airport,airport,event_timestamp\n1,2,3\n',
  'event_timestamp\n2026-03-09\n',
  '\u0000',
  '{"airport":"ORD","event_timestamp":"2026-03-09"}\n',
  '{"airport":',
  'PAR1',
  'PAR1xxxxPAR1',
  'a: [',
  'entities: { e: { key: string } }',
  'entities: *x',
  'entities: &a [*a]',
  'entities: &a { e: *a }',
  'entities: { e: { key: 9007199254740993 } }\nviews: 5',
  '? ? ?',
  '%YAML 9.9\n---\n',
  '--- a\n--- b\n',
  'entities: !!js/function "x"',
  'x'.repeat(5000),
]
