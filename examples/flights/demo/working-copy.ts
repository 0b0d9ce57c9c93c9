import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const example = fileURLToPath(new URL('..', import.meta.url))

/** What makes the example a feature repository, and the provenance of its data; the rest of its folder is the demo. */
const parts = ['features', 'data', 'DATA-LICENCE.md']

/** The configurations that the example comes with. */
export type DemoConfig = 'provender.yaml' | 'provender.production.yaml'

/** Marks a folder as the demo's own. A folder with anything in it but without this file is somebody else's, and is left alone. */
const markFile = '.demo'
const markText = 'Every run of the demo replaces this folder.\n'

/**
 * Puts a fresh copy of the feature repository at `folder`, in place of what an earlier demo left there, with one of its configurations.
 *
 * Throws where the folder holds something that no demo made.
 */
export async function makeWorkingCopy(folder: string, config: DemoConfig = 'provender.yaml'): Promise<void> {
  const present = await readdir(folder).catch((): string[] => [])
  if (present.length > 0 && !present.includes(markFile)) {
    throw new Error(`${folder} is not the demo's: name an empty folder, or one that does not exist yet`)
  }
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, markFile), markText)
  await cp(join(example, config), join(folder, 'provender.yaml'))
  for (const part of parts) await cp(join(example, part), join(folder, part), { recursive: true })
}
