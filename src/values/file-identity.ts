/** What identifies a file's content as long as nobody tampers with its times. */
export interface FileIdentity {
  /** Absolute. */
  readonly path: string
  readonly sizeBytes: number
  readonly mtimeUs: bigint
  readonly inode: bigint
}

/** Whether two identities are of one file with one content. */
export const sameFile = (a: FileIdentity, b: FileIdentity): boolean =>
  a.path === b.path && a.sizeBytes === b.sizeBytes && a.mtimeUs === b.mtimeUs && a.inode === b.inode
