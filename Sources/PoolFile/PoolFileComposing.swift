import Yams

extension PoolFileReader {
  /// What the key of a duplicate is replaced by while the rest of the file is checked.
  static let duplicateMark = "\u{1}duplicate"

  /// Most duplicate keys that are looked for, so that a hostile file ends.
  private static let duplicateLimit = 100

  /// Parses YAML; `nil`, with problems, when it is none.
  ///
  /// Yams throws at the first duplicate key and stops there. To report all problems at once, the key it names is noted,
  /// put out of the way, and the text is parsed again.
  mutating func compose(_ text: String) -> Node? {
    var text = text
    for _ in 0..<Self.duplicateLimit {
      do {
        guard let node = try Yams.compose(yaml: text) else {
          report(nil, "the file is empty", "write one with 'quorate init'")
          return nil
        }
        return node
      } catch YamlError.duplicatedKeysInMapping(let names, let context) {
        let key = names.first ?? ""
        report(context.mark, "'\(key)' is given more than once in the same section", "keep one of them")
        guard let next = Self.hiding(key, at: context.mark, in: text, number: problems.count) else {
          return nil
        }
        text = next
      } catch {
        reportSyntax(error)
        return nil
      }
    }
    return nil
  }

  private mutating func reportSyntax(_ error: any Error) {
    let advice = "correct the YAML there (indent with spaces, quote text that has ': ' or '#')"
    switch error {
    case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
      YamlError.composer(_, let problem, let mark, _):
      report(mark, "not valid YAML: \(problem)", advice)
    case YamlError.reader(let problem, _, _, _):
      report(nil, "not valid YAML: \(problem)", "save the file as UTF-8 text")
    default:
      report(nil, "not valid YAML", advice)
    }
  }

  /// `text` with the key at `mark` made unique; `nil` when the key is not there, for example in quotes.
  private static func hiding(_ key: String, at mark: Mark, in text: String, number: Int) -> String? {
    let scalars = text.unicodeScalars
    var index = scalars.startIndex
    var line = 1
    while line < mark.line, index < scalars.endIndex {
      if scalars[index] == "\n" { line += 1 }
      index = scalars.index(after: index)
    }
    guard line == mark.line,
      let start = scalars.index(index, offsetBy: mark.column - 1, limitedBy: scalars.endIndex),
      text[start...].hasPrefix(key), !key.isEmpty
    else { return nil }
    let end = scalars.index(start, offsetBy: key.unicodeScalars.count)
    // The escape makes it a key that no file can have by accident.
    return String(scalars[..<start]) + "\"\\u0001duplicate\(number)\"" + String(scalars[end...])
  }
}
