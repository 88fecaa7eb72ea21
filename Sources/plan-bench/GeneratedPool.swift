import Glibc
import PoolModel

/// Pools to plan for, drawn by a seed: `servers` servers and ten times as many groups of three replicas.
struct GeneratedPool {
  /// How replicas are placed.
  enum Placement: Hashable {
    /// Each group on three servers drawn from all.
    case uniform
    /// Each group in three of so many upgrade domains, one replica in each; servers spread over the domains evenly.
    case domains(Int)

    /// For tables.
    var name: String {
      switch self {
      case .uniform: "uniform"
      case .domains(let count): "\(count) upgrade domains"
      }
    }
  }

  let placement: Placement
  let servers: Int
  let seed: Int
  /// How many groups there are.
  var groups: Int { servers * 10 }

  /// The pool, with everything up.
  func state() -> FabricState {
    var dice = Dice(seed)
    let names = (0..<servers).map { number in
      let digits = String(number)
      return ServerName("fe" + String(repeating: "0", count: max(0, 5 - digits.utf8.count)) + digits)
    }
    var led = [Int](repeating: 0, count: servers)
    let groups = (0..<groups).map { number in
      let members = members(&dice)
      led[members[0]] += 1
      return RoutingGroupState(
        id: RoutingGroupID(number),
        generation: 1,
        target: 3,
        replicas: members.enumerated().map { place, server in
          Replica(
            server: names[server],
            role: place == 0 ? .primary : .activeSecondary,
            status: .up,
            eligible: true
          )
        },
        health: .healthy
      )
    }
    return FabricState(
      pool: PoolName("generated"),
      servers: names.indices.map { server(names[$0], number: $0, primaries: led[$0]) },
      groups: groups,
      revision: 1,
      epoch: 1,
      takenAt: PoolTime(milliseconds: 0),
      serversNeeded: Quorum.majority(of: servers)
    )
  }

  private func server(_ name: ServerName, number: Int, primaries: Int) -> ServerState {
    var domain = UpgradeDomain(name.rawValue)
    if case .domains(let count) = placement { domain = UpgradeDomain("ud\(number % count)") }
    return ServerState(
      name: name,
      upgradeDomain: domain,
      isUp: true,
      service: .inService,
      version: "1.0",
      primaries: primaries,
      replicas: 30,
      bindings: nil,
      clockOffset: nil,
      drained: false,
      instance: 1
    )
  }

  /// Three servers, the primary's first.
  private func members(_ dice: inout Dice) -> [Int] {
    switch placement {
    case .uniform: return dice.three(of: servers)
    case .domains(let count):
      return dice.three(of: count).map { domain in
        domain + count * dice.below((servers - domain + count - 1) / count)
      }
    }
  }

  /// The fewest rounds that any plan can have, but for the seeds that `odds` tells of: below it the expected number of
  /// plans, over all pools that the generator may draw, is 10 to the power of `odds`. A plan is a map of n servers to k
  /// rounds, k^n of them; what counts is how likely a group fits the likeliest. Uniform: a group drawn from all triples fits
  /// with probability e3(sizes) / C(n, 3), most when the rounds are equally large. Domains: the probability is linear in
  /// how the servers of any one domain are spread over the rounds, so it is greatest when each domain is whole in one
  /// round: e3 of the numbers of domains in the rounds, over C(domains, 3), and most when these are as equal as can be.
  /// `nil` when it says no more than that a group has three replicas.
  func boundOfGenerator() -> (rounds: Int, odds: Double)? {
    var last = -Double.infinity
    for rounds in 3...servers {
      let fitting = likeliestFit(rounds)
      let power = (Double(servers) * log(Double(rounds)) + Double(groups) * log(fitting)) / log(10)
      if power > -9 { return rounds == 3 ? nil : (rounds, last) }
      last = power
    }
    return nil
  }

  /// The greatest probability, over all maps to so many rounds, that the servers of a group are in three different rounds.
  private func likeliestFit(_ rounds: Int) -> Double {
    switch placement {
    case .uniform:
      let (n, k) = (Double(servers), Double(rounds))
      let size = n / k
      return min(1, k * (k - 1) * (k - 2) * size * size * size / (n * (n - 1) * (n - 2)))
    case .domains(let count):
      let sizes = (0..<rounds).map { Double((count - $0 + rounds - 1) / rounds) }
      // Elementary symmetric sums of the sizes, of one, two and three of them.
      var (one, two, three) = (0.0, 0.0, 0.0)
      for size in sizes { (one, two, three) = (one + size, two + one * size, three + two * size) }
      let domains = Double(count)
      return min(1, three * 6 / (domains * (domains - 1) * (domains - 2)))
    }
  }
}

/// SplitMix64: one seed, one pool.
struct Dice {
  private var state: UInt64

  init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9e37_79b9_7f4a_7c15 }

  private mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// A number below `limit`.
  mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

  /// Three different numbers below `limit`, in the order drawn.
  mutating func three(of limit: Int) -> [Int] {
    var drawn: [Int] = []
    while drawn.count < 3 {
      let number = below(limit)
      if !drawn.contains(number) { drawn.append(number) }
    }
    return drawn
  }
}
