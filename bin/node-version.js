// Read by Nodes of any age before anything else of Provender is: keep to syntax that Node 12 can parse.

var NEEDED_MAJOR = 24

/**
 * One sentence when a Node of this version cannot run Provender, else an empty string.
 *
 * @param {string} version as in `process.versions.node`
 * @returns {string}
 */
export function complaintAbout(version) {
  var major = Number(version.split('.')[0])
  if (major >= NEEDED_MAJOR) return ''
  return 'provender needs Node.js ' + NEEDED_MAJOR + ' or newer, and this is Node.js ' + version + '.'
}
