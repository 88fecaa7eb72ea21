import PoolModel
import Yams

/// Walks the YAML nodes of a pool file and gathers everything that is wrong, each with its place. Codable would stop at
/// the first error and know no lines.
struct PoolFileReader {
  typealias Problem = PoolFileError.Problem

  let path: String
  var problems: [Problem] = []

  init(path: String) { self.path = path }

  mutating func read(_ text: String) throws(PoolFileError) -> PoolFile {
    guard let root = compose(text) else { throw PoolFileError(path: path, problems: problems.sorted()) }
    let file = pool(root)
    guard problems.isEmpty, let file else {
      throw PoolFileError(path: path, problems: problems.sorted())
    }
    return file
  }

  // MARK: Problems

  mutating func report(_ place: Mark?, _ what: String, _ advice: String) {
    problems.append(Problem(line: place?.line ?? 1, column: place?.column ?? 1, what: what, advice: advice))
  }

  // MARK: Sections

  /// A mapping whose keys were checked against `known`; `nil`, with a problem, when `node` is no mapping.
  mutating func section(_ node: Node, _ name: String, known: [String]) -> Section? {
    guard let mapping = node.mapping else {
      report(node.mark, "\(name) is not a set of 'key: value' lines", "write it as in 'quorate init'")
      return nil
    }
    var section = Section(name: name, place: node.mark)
    for (keyNode, value) in mapping {
      guard let key = keyNode.scalar?.string else {
        report(
          keyNode.mark,
          "a key of \(name) is not plain text",
          "use one of \(known.joined(separator: ", "))"
        )
        continue
      }
      if key.hasPrefix(Self.duplicateMark) { continue }
      guard known.contains(key) else {
        report(keyNode.mark, "unknown key '\(key)' in \(name)", Spelling.advice(for: key, among: known))
        continue
      }
      section.values[key] = value
    }
    return section
  }

  // MARK: Values

  /// Plain text; `nil` when it is absent, empty or not text (with a problem for the last two, and for absence when
  /// `required`).
  mutating func text(_ section: Section, _ key: String, required: Bool = false) -> Located<String>? {
    guard let node = section.values[key] else {
      if required { report(section.place, "\(section.name) has no '\(key)'", "add '\(key): …'") }
      return nil
    }
    guard let scalar = node.scalar else {
      report(node.mark, "'\(key)' must be text", "write it on one line, or with '|' over several")
      return nil
    }
    guard !scalar.string.isEmpty, scalar.style != .plain || !["~", "null"].contains(scalar.string) else {
      report(
        node.mark,
        "'\(key)' is empty",
        required ? "give it a value" : "give it a value or leave the line out"
      )
      return nil
    }
    return Located(value: scalar.string, place: node.mark)
  }

  mutating func integer(_ section: Section, _ key: String, in range: ClosedRange<Int>, default value: Int)
    -> Int
  {
    guard let text = text(section, key) else { return value }
    guard let number = Int(text.value), range.contains(number) else {
      report(
        text.place,
        "'\(key)' is '\(text.value)'",
        "use a whole number from \(range.lowerBound) to \(range.upperBound)"
      )
      return value
    }
    return number
  }

  mutating func duration(
    _ section: Section,
    _ key: String,
    in range: ClosedRange<Duration>,
    default value: Duration
  ) -> Duration {
    guard let text = text(section, key) else { return value }
    guard let duration = DurationText.parse(text.value) else {
      report(
        text.place,
        "'\(key)' is '\(text.value)', which is no duration",
        "write it like 500ms, 2s, 10m or 1h"
      )
      return value
    }
    guard range.contains(duration) else {
      let bounds = "\(DurationText.text(range.lowerBound)) to \(DurationText.text(range.upperBound))"
      report(text.place, "'\(key)' is \(text.value)", "use \(bounds)")
      return value
    }
    return duration
  }

  mutating func choice<Choice: RawRepresentable & CaseIterable>(
    _ section: Section,
    _ key: String,
    default value: Choice
  ) -> Choice where Choice.RawValue == String {
    guard let text = text(section, key) else { return value }
    guard let choice = Choice(rawValue: text.value) else {
      let names = Choice.allCases.map(\.rawValue)
      report(text.place, "'\(key)' is '\(text.value)'", Spelling.advice(for: text.value, among: names))
      return value
    }
    return choice
  }

  /// A name of letters, digits, `.`, `_` and `-`, which is also the name of a directory.
  mutating func name(_ text: Located<String>?, _ what: String) -> String? {
    guard let text else { return nil }
    guard Names.isName(text.value) else {
      report(
        text.place,
        "'\(text.value)' is no \(what)",
        "use 1 to 64 letters, digits, '.', '_' and '-', starting with a letter or digit"
      )
      return nil
    }
    return text.value
  }

  mutating func address(_ section: Section, _ key: String) -> Located<PoolFile.Address>? {
    guard let text = text(section, key, required: true) else { return nil }
    guard let address = AddressText.parse(text.value) else {
      report(
        text.place,
        "'\(key)' is '\(text.value)', which is no address with a port",
        "write 127.0.0.1:5071, [::1]:5071 or a host name with a port from 1 to 65535"
      )
      return nil
    }
    return Located(value: address, place: text.place)
  }
}

/// A value and where it stands.
struct Located<Value> {
  var value: Value
  var place: Mark?
}

/// A mapping of the file, its keys known.
struct Section {
  var name: String
  var place: Mark?
  var values: [String: Node] = [:]
}
