/// Base64 (RFC 4648 section 4) straight into and out of a buffer: every key and value goes through it once a write and once an event,
/// and Foundation makes two copies of each on the way.
enum Base64 {
  private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let pad = UInt8(ascii: "=")
  /// What a letter stands for; 255 for what is none.
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 255, count: 256)
    for (value, letter) in letters.enumerated() { values[Int(letter)] = UInt8(value) }
    return values
  }()

  /// Appends `bytes` as text.
  static func append(_ bytes: [UInt8], to text: inout [UInt8]) {
    letters.withUnsafeBufferPointer { letters in
      var index = 0
      while index + 2 < bytes.count {
        let (a, b, c) = (bytes[index], bytes[index + 1], bytes[index + 2])
        text.append(letters[Int(a >> 2)])
        text.append(letters[Int((a & 3) << 4 | b >> 4)])
        text.append(letters[Int((b & 15) << 2 | c >> 6)])
        text.append(letters[Int(c & 63)])
        index += 3
      }
      guard index < bytes.count else { return }
      let a = bytes[index]
      let b = index + 1 < bytes.count ? bytes[index + 1] : nil
      text.append(letters[Int(a >> 2)])
      text.append(letters[Int((a & 3) << 4 | (b ?? 0) >> 4)])
      text.append(b.map { letters[Int(($0 & 15) << 2)] } ?? pad)
      text.append(pad)
    }
  }

  /// The bytes that a text stands for; `nil` when it is no base64 with its padding.
  static func bytes(_ text: some Collection<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3)
    var (word, count, pads) = (UInt32(0), 0, 0)
    let isRead = values.withUnsafeBufferPointer { values in
      for letter in text {
        let value: UInt8
        if letter == pad {
          (value, pads) = (0, pads + 1)
        } else {
          value = values[Int(letter)]
          guard value < 64, pads == 0 else { return false }
        }
        word = word << 6 | UInt32(value)
        count += 1
        guard count == 4 else { continue }
        bytes.append(UInt8(truncatingIfNeeded: word >> 16))
        if pads < 2 { bytes.append(UInt8(truncatingIfNeeded: word >> 8)) }
        if pads < 1 { bytes.append(UInt8(truncatingIfNeeded: word)) }
        (word, count) = (0, 0)
        guard pads <= 2 else { return false }
      }
      return count == 0
    }
    return isRead ? bytes : nil
  }
}
