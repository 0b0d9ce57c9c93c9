/**
 * The area under the ROC curve: how often a flight that came late was scored above one that did not.
 *
 * `scores[i]` belongs to `labels[i]` (1 late, 0 not). Equal scores count half. 0.5 is guessing, 1 is perfect; `NaN`
 * where one of the two classes is missing, because then there is nothing to compare.
 */
export function auc(scores: Float64Array, labels: Uint8Array): number {
  const order = Uint32Array.from(scores.keys()).sort((a, b) => scores[a]! - scores[b]!)
  let positives = 0
  let rankSum = 0
  for (let start = 0; start < order.length;) {
    // A run of equal scores shares the mean of its ranks, so the order within the run cannot matter.
    let end = start
    let positivesInRun = 0
    while (end < order.length && scores[order[end]!] === scores[order[start]!]) {
      positivesInRun += labels[order[end]!]!
      end += 1
    }
    if (end === start) throw new RangeError(`score ${order[start]} is not a number`)
    positives += positivesInRun
    rankSum += positivesInRun * ((start + 1 + end) / 2)
    start = end
  }
  const negatives = order.length - positives
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives)
}
