import { type Declared, type Member, declared, exportsOf } from './declarations.ts'
import { anchorOf, code, generatedFrom, page } from './markdown.ts'

/** What the exports name and only their callers' compilers see: not exported themselves, and shown all the same. */
const named: readonly (readonly [path: string, names: readonly string[]])[] = [
  ['src/define/builders.ts', ['NoteOptions', 'OneKey', 'SeveralKeys', 'TimeOptions', 'FeatureOptions', 'ViewOptions']],
  ['src/define/builders.ts', ['ServiceOptions', 'FeatureView', 'Alias', 'Duration']],
  ['src/contract/store.ts', ['ValueForm', 'DoctorReport', 'DoctorCheck']],
  ['src/values/batch.ts', ['Batch', 'Field']],
]

/** The reference page of the SDK, from the TSDoc of what the package exports. */
export function typescriptPage(): string {
  const all = exportsOf('src/index.ts')
  const parts = all.filter(({ kind }) => kind === 'function' || kind === 'constant' || kind === 'class')
  const types = all.filter((each) => !parts.includes(each))
  const further = named.flatMap(([path, names]) => names.map((name) => declared(path, name)))
  const links = (list: readonly Declared[]): string =>
    list.map(({ name }) => `[${code(name)}](#${anchorOf(name)})`).join(' · ')
  return page(
    '# TypeScript',
    generatedFrom('the TSDoc of src/index.ts'),
    introduction,
    '## Functions and values',
    links(parts),
    ...parts.flatMap(sectionOf),
    '## Types',
    links(types),
    ...types.flatMap(sectionOf),
    '## Types that others name',
    'They are not exported; TypeScript infers them.',
    ...further.flatMap(sectionOf),
  )
}

const introduction = `What \`import … from 'provender'\` gives. Errors are \`ProvenderError\`s with one of [the error codes](errors.md). Where
definitions are given as values of \`entity\`, \`featureView\` and \`featureService\`, rows have the types that they say, and a wrong
key or feature does not compile; names as text work the same, typed loosely.`

function sectionOf({ name, doc, kind, signatures, members }: Declared): string[] {
  const shown = kind === 'constant' || kind === 'class' ? [] : signatures
  return [`### ${name}`, ...shown.map((signature) => code(signature)), prose(doc), members.map(memberText).join('\n')]
}

const memberText = ({ text, doc }: Member): string =>
  `- ${code(text)}${doc === '' ? '' : `: ${prose(doc).replaceAll(/\s*\n\s*/g, ' ')}`}`

/** TSDoc as Markdown: its tags become sentences. */
function prose(doc: string): string {
  const [about = '', ...tags] = doc.split(/(?:^| )@(?=throws|returns|param)/m)
  const told = tags.map((tag) => {
    const [, word = '', rest = ''] = /^(\w+)\s+([^]*)$/.exec(tag.trim()) ?? []
    const text = rest.replaceAll(/\s+/g, ' ')
    if (word === 'throws') return `Throws: ${text}`
    if (word === 'returns') return `Answers ${text}`
    if (word !== 'param') throw new Error(`Nothing is known of the tag @${word}`)
    const [, name = '', what = ''] = /^(\S+)\s+(.*)$/.exec(text) ?? []
    return `${code(name)}: ${what}`
  })
  return [about.trim(), ...told].filter((text) => text !== '').join('\n\n')
}
