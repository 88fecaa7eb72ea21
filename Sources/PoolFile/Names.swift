/// The shapes of names in a pool file.
enum Names {
  /// A pool's, server's or upgrade domain's name: it is also a directory's name and part of a key of the fabric.
  static func isName(_ text: String) -> Bool {
    guard (1...64).contains(text.utf8.count), let first = text.utf8.first, isAlphanumeric(first) else {
      return false
    }
    return text.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F }
  }

  /// A version: also a directory's name.
  static func isVersion(_ text: String) -> Bool {
    guard (1...64).contains(text.utf8.count), let first = text.utf8.first, isAlphanumeric(first) else {
      return false
    }
    return text.utf8.allSatisfy { isAlphanumeric($0) || [0x2D, 0x2E, 0x5F, 0x2B, 0x7E].contains($0) }
  }

  /// A host name (RFC 1123) or an IPv4 address that looks like one.
  static func isHost(_ text: String) -> Bool {
    guard (1...253).contains(text.utf8.count) else { return false }
    return text.utf8.split(separator: 0x2E, omittingEmptySubsequences: false).allSatisfy { label in
      (1...63).contains(label.count) && label.first != 0x2D && label.last != 0x2D
        && label.allSatisfy { isAlphanumeric($0) || $0 == 0x2D }
    }
  }

  /// An environment variable's name.
  static func isVariable(_ text: String) -> Bool {
    guard (1...128).contains(text.utf8.count), let first = text.utf8.first, !isDigit(first) else {
      return false
    }
    return text.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x5F }
  }

  static func isAlphanumeric(_ byte: UInt8) -> Bool {
    isDigit(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }

  static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}

/// Guesses which word a mistyped one was meant to be.
enum Spelling {
  /// `did you mean 'x'?`, or the list of words when nothing is near.
  static func advice(for word: String, among known: [String]) -> String {
    let near = known.map { (distance(word.lowercased(), $0), $0) }.min { $0.0 < $1.0 }
    if let near, near.0 <= max(1, near.1.count / 3) { return "did you mean '\(near.1)'?" }
    return "use one of \(known.joined(separator: ", "))"
  }

  /// Levenshtein's distance, of the first 64 characters.
  static func distance(_ left: String, _ right: String) -> Int {
    let left = Array(left.prefix(64))
    let right = Array(right.prefix(64))
    var row = Array(0...right.count)
    for (i, character) in left.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, other) in right.enumerated() {
        let change = diagonal + (character == other ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(change, min(row[j], row[j + 1]) + 1)
      }
    }
    return row[right.count]
  }
}
