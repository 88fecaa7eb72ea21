/// Servers that cannot be out together because they share a routing group, as a graph: its colourings are the plans in
/// rounds. Servers are numbers from 0. Edges are kept in one array, a row for each server, each neighbour once.
struct ConflictGraph {
  /// By server, who conflicts with it.
  let rows: Rows

  /// How many servers there are.
  var count: Int { rows.count }

  /// The graph of `count` servers of which no two of one set can be out together.
  /// - Parameters:
  ///   - count: how many servers.
  ///   - sets: members of each routing group.
  ///   - groups: by server, the sets it is in.
  init(count: Int, sets: Rows, groups: Rows) {
    var rows = Rows(count: count, total: sets.values.count * 2)
    // Who was met last from where: what makes each neighbour appear once.
    var metFrom = [Int](repeating: -1, count: count)
    for server in 0..<count {
      metFrom[server] = server
      for place in groups.range(server) {
        for member in sets.range(groups.values[place]) where metFrom[sets.values[member]] != server {
          metFrom[sets.values[member]] = server
          rows.append(sets.values[member])
        }
      }
      rows.endRow()
    }
    self.rows = rows
  }

  /// How many servers conflict with `server`.
  func degree(_ server: Int) -> Int { rows.range(server).count }

  /// Who conflicts with `server`.
  func row(_ server: Int) -> ArraySlice<Int> { rows[server] }

  /// The size of a set of servers each of which conflicts with each other: they need as many rounds. Grown greedily
  /// from several servers; looks at no more than about `steps` neighbours.
  func cliqueSize(steps: Int) -> Int {
    var best = min(count, 1)
    var left = steps
    var mark = [Int](repeating: 0, count: count)
    var stamp = 0
    let order = (0..<count).sorted { (degree($1), $0) < (degree($0), $1) }
    for start in order where left > 0 && degree(start) >= best {
      var size = 1
      var candidates = Array(row(start))
      while let next = candidates.max(by: { (degree($0), $1) < (degree($1), $0) }) {
        size += 1
        stamp += 1
        for other in row(next) { mark[other] = stamp }
        left -= candidates.count + degree(next)
        candidates.removeAll { $0 == next || mark[$0] != stamp }
      }
      best = max(best, size)
    }
    return best
  }
}
