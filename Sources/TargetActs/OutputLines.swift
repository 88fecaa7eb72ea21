/// Bytes of a command as lines of text. Long lines are broken and endless output is cut: nobody's memory depends on what a
/// command prints.
struct OutputLines {
  /// The longest line, in bytes.
  static let longest = 65_536
  /// The most that is passed on of one command, in bytes.
  static let most = 64 << 20

  private var rest: [UInt8] = []
  private var passed = 0

  /// Takes bytes in; `line` gets each line that they end.
  mutating func take(_ bytes: UnsafeRawBufferPointer, _ line: (String) -> Void) {
    var bytes = bytes[...]
    while let end = bytes.firstIndex(of: 0x0A) {
      rest.append(contentsOf: bytes[..<end])
      bytes = bytes[bytes.index(after: end)...]
      repeat { pass(line) } while !rest.isEmpty
    }
    rest.append(contentsOf: bytes)
    while rest.count >= Self.longest { pass(line) }
  }

  /// The end of the output.
  mutating func end(_ line: (String) -> Void) {
    if !rest.isEmpty { pass(line) }
  }

  private mutating func pass(_ line: (String) -> Void) {
    var text = rest[...].prefix(Self.longest)
    rest.removeFirst(text.count)
    if text.last == 0x0D { text.removeLast() }
    guard passed <= Self.most else { return }
    passed += text.count + 1
    line(String(decoding: text, as: UTF8.self))
    if passed > Self.most { line("(it printed more than \(Self.most >> 20) MiB; the rest is left out)") }
  }
}
