import SIPMessage
import Testing

/// Runs the fuzzers' entries over seeds and changed seeds, so that what must hold is also held in CI.
@Suite struct FuzzEntryTests {
  @Test(arguments: Torture.valid.indices)
  func holdsForChangedMessages(_ index: Int) {
    var generator = SeededGenerator(state: UInt64(index) &* 1_013)
    let special: [UInt8] = Array("\r\n \t:;,<>\"\\=%@?[]()*09".utf8) + [0, 0xFF]
    for _ in 0..<150 {
      var bytes = Torture.valid[index].1
      for _ in 0..<Int.random(in: 0...3, using: &generator) {
        let at = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[at] = special.randomElement(using: &generator) ?? 0
      }
      #expect(FuzzEntry.message(bytes), "\(bytes.text)")
      #expect(FuzzEntry.stream(Array((bytes + bytes).suffix(1_500))))
    }
  }

  @Test func holdsForURIs() {
    var generator = SeededGenerator(state: 11)
    let seeds = [
      "sip:alice:pw@[2001:db8::1]:5060;transport=tcp;x=%41?a=b&c=d", "sips:a%40b@example.com;lr",
      "tel:+1-212;x=y",
      "sip:1_un.URI~(to-be!)&isn't+it$/crazy?,/;;*:&it+has=1@h", "sip:a@b;x=1;x=2;x",
    ]
    let special: [UInt8] = Array(":;@%?&=[]+.,%2zZ/ <>\"".utf8) + [0, 0xFF]
    for seed in seeds {
      for _ in 0..<2_000 {
        var bytes = Array(seed.utf8)
        for _ in 0..<Int.random(in: 0...3, using: &generator) {
          let at = Int.random(in: 4..<bytes.count, using: &generator)
          switch Int.random(in: 0..<3, using: &generator) {
          case 0: bytes[at] = special.randomElement(using: &generator) ?? 0
          case 1: bytes.remove(at: at)
          default: bytes.insert(special.randomElement(using: &generator) ?? 0, at: at)
          }
        }
        #expect(FuzzEntry.uri(bytes), "\(bytes.text)")
      }
    }
  }
}
