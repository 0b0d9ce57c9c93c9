/** What identifies a file's content as long as nobody tampers with its times. */
export interface FileIdentity {
  /** Absolute. */
  readonly path: string
  readonly sizeBytes: number
  readonly mtimeUs: bigint
  readonly inode: bigint
}

/** A folder above a file that is named as a partition by that column: `year=2024`. Folders are no columns. */
export const partitionOf = (files: readonly FileIdentity[], column: string): string | undefined =>
  files.flatMap(({ path }) => path.split('/').slice(0, -1)).find((folder) => folder.startsWith(`${column}=`))

/** What to do about a column that is none but in the names of folders. */
export const partitionRemedy = (folder: string): string =>
  `Folders such as ${folder} are no columns: write the column into the files too.`

/** Whether two identities are of one file with one content. */
export const sameFile = (a: FileIdentity, b: FileIdentity): boolean =>
  a.path === b.path && a.sizeBytes === b.sizeBytes && a.mtimeUs === b.mtimeUs && a.inode === b.inode
