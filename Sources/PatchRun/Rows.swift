/// Rows of small numbers, one after the other in one array: who is in which group, for pools of many. An array of arrays
/// would be a hundred thousand allocations.
struct Rows {
  /// Where each row begins, and where the last one ends.
  private(set) var offsets: [Int] = [0]
  /// The rows' values.
  private(set) var values: [Int] = []

  /// No rows; room for `count` with `total` values.
  init(count: Int, total: Int) {
    offsets.reserveCapacity(count + 1)
    values.reserveCapacity(total)
  }

  /// How many rows there are.
  var count: Int { offsets.count - 1 }

  /// Where the values of a row are.
  func range(_ row: Int) -> Range<Int> { offsets[row]..<offsets[row + 1] }

  /// The values of a row.
  subscript(_ row: Int) -> ArraySlice<Int> { values[range(row)] }

  /// Adds a value to the row that is being made.
  mutating func append(_ value: Int) { values.append(value) }

  /// Ends the row that is being made.
  mutating func endRow() { offsets.append(values.count) }

  /// By value, of `count`, the rows that have it, in order.
  func inverted(count: Int) -> Self {
    var starts = [Int](repeating: 0, count: count + 1)
    for value in values { starts[value + 1] += 1 }
    for value in 0..<count { starts[value + 1] += starts[value] }
    var inverted = Self(count: count, total: values.count)
    inverted.offsets = starts
    inverted.values = [Int](repeating: 0, count: values.count)
    for row in 0..<self.count {
      for place in range(row) {
        let value = values[place]
        inverted.values[starts[value]] = row
        starts[value] += 1
      }
    }
    return inverted
  }
}
