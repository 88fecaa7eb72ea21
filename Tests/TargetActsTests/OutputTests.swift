import Synchronization
import TargetActs
import Testing

/// What commands print.
@Suite(.timeLimit(.minutes(2))) struct OutputTests {
  private func lines(_ line: String) async -> (ActEnding, [String]) {
    let lines = Mutex<[String]>([])
    let ending = await TargetCommand(line, timeout: .seconds(30)).run { text in
      lines.withLock { $0.append(text) }
    }
    return (ending, lines.withLock { $0 })
  }

  @Test func aMegabyteWithoutALineBreakIsBrokenIntoLines() async {
    let (ending, lines) = await lines("head -c 1048576 /dev/zero | tr '\\0' x; echo; echo end")
    #expect(ending == .exited(0))
    #expect(lines.allSatisfy { $0.utf8.count <= 65_536 })
    #expect(lines.reduce(0) { $0 + $1.utf8.count } == 1_048_576 + 3)
    #expect(lines.last == "end")
  }

  @Test func endsOfLinesAreLeftOut() async {
    let (_, lines) = await lines("printf 'a\\r\\nb\\n\\nc'")
    #expect(lines == ["a", "b", "", "c"])
  }

  @Test func aProgramThatIsNotThereIsAnExitCode() async {
    let (ending, lines) = await lines("/no/such/program")
    #expect(ending == .exited(127))
    #expect(lines.first?.contains("/no/such/program") == true)
  }
}
