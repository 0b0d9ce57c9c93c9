import { expect, test } from 'vitest'
import { checkColumns } from '../../src/definitions/check-columns.ts'
import { smallDefinitions } from '../support/small-definitions.ts'

const columns = ['airport', 'miles', 'landed_at', 'loaded_at'].map((name) => ({
  name,
  type: name.endsWith('_at') ? 'timestamp' : name === 'miles' ? 'float64' : 'string',
}))

test('a column that is missing is told with the folder, or the column, that was meant', () => {
  const remedies = (path: string, names = columns): string[] => {
    const file = { path, sizeBytes: 1, mtimeUs: 1n, inode: 1n }
    const facts = new Map([['flights', { columns: names, files: [file], rows: 1 }]])
    return checkColumns(smallDefinitions(), facts).map(({ remedy }) => remedy)
  }
  expect(remedies('/lake/delay=12/f.parquet')).toEqual([
    'Folders such as delay=12 are no columns: write the column into the files too.',
  ])
  expect(remedies('/lake/delays=12/delay=.parquet')).toEqual(['It has airport, miles, landed_at, loaded_at.'])
  expect(remedies('/lake/f.parquet', [...columns, { name: 'dellay', type: 'int32' }])).toEqual([
    'Did you mean "dellay"?',
  ])
})
