/**
 * The lower factor L of a symmetric positive definite matrix A = L·Lᵀ.
 *
 * `matrix` is row-major, `width` wide; only its lower triangle is read, and only that of the result is filled.
 * Throws a RangeError where the matrix is not positive definite, which a penalty above zero rules out.
 */
export function factorize(matrix: Float64Array, width: number): Float64Array {
  const factor = new Float64Array(width * width)
  for (let row = 0; row < width; row += 1) {
    for (let column = 0; column <= row; column += 1) {
      let rest = matrix[row * width + column]!
      for (let k = 0; k < column; k += 1) rest -= factor[row * width + k]! * factor[column * width + k]!
      if (row !== column) factor[row * width + column] = rest / factor[column * width + column]!
      else if (rest > 0) factor[row * width + row] = Math.sqrt(rest)
      else throw new RangeError(`the matrix is not positive definite (row ${row})`)
    }
  }
  return factor
}

/** Solves L·Lᵀ·x = `right` for x, with the factor from {@link factorize}. */
export function solve(factor: Float64Array, right: Float64Array): Float64Array {
  const width = right.length
  const x = right.slice()
  for (let row = 0; row < width; row += 1) {
    for (let k = 0; k < row; k += 1) x[row]! -= factor[row * width + k]! * x[k]!
    x[row]! /= factor[row * width + row]!
  }
  for (let row = width - 1; row >= 0; row -= 1) {
    for (let k = row + 1; k < width; k += 1) x[row]! -= factor[k * width + row]! * x[k]!
    x[row]! /= factor[row * width + row]!
  }
  return x
}
