/// SplitMix64: one seed, one history.
struct SeededRandom {
  private(set) var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 0x1234_5678_9abc_def1 }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// A number from `low` up to and including `high`.
  mutating func int(_ low: Int, _ high: Int) -> Int {
    high <= low ? low : low + Int(next() % UInt64(high - low + 1))
  }

  /// `true` in `percent` of a hundred.
  mutating func chance(_ percent: Int) -> Bool { int(0, 99) < percent }

  /// `true` once in `count`.
  mutating func one(in count: Int) -> Bool { int(1, count) == 1 }
}
