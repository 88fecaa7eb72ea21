/// One user of a client: what it has to remember from one request to the next.
struct PoolUser: Sendable {
  /// The CSeq of its last REGISTER; all of them share one Call-ID (RFC 3261 section 10.2).
  var cseq: UInt32 = 0
  /// The place of its present server in its order of servers.
  var position: UInt8 = 0
  /// Whether a REGISTER is unanswered; a user waits for the answer before the next (RFC 3261 section 10.2).
  var isBusy = false
  /// Whether a MESSAGE of its is unanswered: a person waits before the next.
  var isSending = false
  /// Until when its binding was acknowledged to live, in nanoseconds of the client's clock; 0 when it has none.
  var acknowledgedUntil: Int64 = 0
  /// Its longest gap since the last reset, in nanoseconds.
  var longestGap: Int64 = 0
}

/// The order in which each user tries the servers: a permutation of its own, made from the seed, so that the users of a
/// server that goes away spread over all the others.
struct ServerOrders: Sendable {
  private let servers: Int

  /// How many servers each order has.
  var serverCount: Int { servers }
  private var places: [UInt8]

  init(users: Int, servers: Int, seed: UInt64) {
    self.servers = servers
    places = []
    places.reserveCapacity(users * servers)
    var generator = SplitMix(state: seed)
    for _ in 0..<users {
      var order = (0..<servers).map { UInt8(clamping: $0) }
      order.shuffle(using: &generator)
      places.append(contentsOf: order)
    }
  }

  /// The servers of `user`, the one at `position` first.
  func order(of user: Int, from position: UInt8) -> [UInt8] {
    (0..<servers).map { places[user * servers + (Int(position) + $0) % servers] }
  }

  /// The place of `server` in the order of `user`.
  func position(of server: Int, for user: Int) -> UInt8 {
    for place in 0..<servers where Int(places[user * servers + place]) == server {
      return UInt8(clamping: place)
    }
    return 0
  }
}

/// A small generator whose numbers depend on its seed only (SplitMix64, Steele and others, 2014).
struct SplitMix: RandomNumberGenerator, Sendable {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
