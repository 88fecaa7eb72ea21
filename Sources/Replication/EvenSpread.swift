import PoolModel

/// Spreads items over servers evenly with the fewest moves: each item stands on a server and may stand on some others.
/// It pushes load along cheapest paths (an item that was moved once may be moved on, or back, for less), from the most
/// loaded server that can reach one with at least two fewer.
struct EvenSpread {
  private struct Item {
    var id: RoutingGroupID
    var origin: Int
    var current: Int
    var options: [Int]
  }

  private let servers: [ServerName]
  private let position: [ServerName: Int]
  private var items: [Item] = []
  private var counts: [Int]
  /// For each pair of servers and each cost (-1, 0, 1, kept as 0...2): items that can go from one to the other. Entries
  /// go stale when an item moves, and are dropped when they are met.
  private var edges: [[Int]]

  init(servers: some Sequence<ServerName>) {
    let sorted = servers.sorted()
    self.servers = sorted
    position = Dictionary(uniqueKeysWithValues: zip(sorted, sorted.indices))
    counts = Array(repeating: 0, count: sorted.count)
    edges = []
  }

  /// Adds an item; one that stands on a server we do not spread over is not counted.
  mutating func add(_ id: RoutingGroupID, at server: ServerName, options: [ServerName]) {
    guard let origin = position[server] else { return }
    let others = options.compactMap { position[$0] }.filter { $0 != origin }
    items.append(Item(id: id, origin: origin, current: origin, options: others.sorted()))
    counts[origin] += 1
  }

  /// The items that should stand elsewhere, and where.
  mutating func solve() -> [RoutingGroupID: ServerName] {
    items.sort { $0.id < $1.id }
    edges = Array(repeating: [], count: servers.count * servers.count * 3)
    for index in items.indices { enlist(index) }
    while pushOnce() {}
    var moves: [RoutingGroupID: ServerName] = [:]
    for item in items where item.current != item.origin { moves[item.id] = servers[item.current] }
    return moves
  }

  private func slot(_ from: Int, _ to: Int, cost: Int) -> Int { (from * servers.count + to) * 3 + cost + 1 }

  private mutating func enlist(_ index: Int) {
    let item = items[index]
    for target in item.options where target != item.current {
      edges[slot(item.current, target, cost: cost(of: item, to: target))].append(index)
    }
    if item.current != item.origin {
      edges[slot(item.current, item.origin, cost: -1)].append(index)
    }
  }

  private func cost(of item: Item, to target: Int) -> Int {
    (target == item.origin ? 0 : 1) - (item.current == item.origin ? 0 : 1)
  }

  /// The cheapest item that can go from one server to another now.
  private mutating func edge(_ from: Int, _ to: Int) -> (item: Int, cost: Int)? {
    for cost in -1...1 {
      let slot = slot(from, to, cost: cost)
      while let last = edges[slot].last {
        if items[last].current == from { return (last, cost) }
        edges[slot].removeLast()
      }
    }
    return nil
  }

  /// Moves one unit of load from the most loaded server that can shed one; `false` when nothing gets better.
  private mutating func pushOnce() -> Bool {
    for source in counts.indices.sorted(by: { (-counts[$0], $0) < (-counts[$1], $1) }) {
      guard let least = counts.min(), counts[source] >= least + 2 else { return false }
      let paths = cheapestPaths(from: source)
      let sink = counts.indices.filter { paths.cost[$0] < Int.max && counts[$0] + 2 <= counts[source] }
        .min { (counts[$0], paths.cost[$0], $0) < (counts[$1], paths.cost[$1], $1) }
      guard let sink else { continue }
      var steps: [(item: Int, to: Int)] = []
      var at = sink
      while at != source {
        steps.append((paths.item[at], at))
        at = paths.from[at]
      }
      for step in steps {
        items[step.item].current = step.to
        enlist(step.item)
      }
      counts[source] -= 1
      counts[sink] += 1
      return true
    }
    return false
  }

  /// Bellman and Ford over the servers; paths of `pushOnce` are cheapest, so there is no cycle of negative cost.
  private mutating func cheapestPaths(from source: Int) -> (cost: [Int], from: [Int], item: [Int]) {
    var cost = Array(repeating: Int.max, count: servers.count)
    var from = Array(repeating: source, count: servers.count)
    var item = Array(repeating: -1, count: servers.count)
    cost[source] = 0
    var changed = true
    var round = 0
    while changed, round < servers.count {
      changed = false
      round += 1
      for left in counts.indices where cost[left] < Int.max {
        for right in counts.indices where right != source && right != left {
          guard let edge = edge(left, right), cost[left] + edge.cost < cost[right] else { continue }
          cost[right] = cost[left] + edge.cost
          from[right] = left
          item[right] = edge.item
          changed = true
        }
      }
    }
    return (cost, from, item)
  }
}
