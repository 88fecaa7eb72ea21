/// A command line by PowerShell's rules: parameter names in any case and shortened to any unambiguous prefix, aliases,
/// `-Name value` and `-Name:value`, switches, and values by position.
struct PowerShellArguments: Equatable {
  /// A parameter that a cmdlet knows.
  struct Parameter {
    var name: String
    var aliases: [String] = []
    /// Whether it is there or not, and takes no value but `:$true` and `:$false`.
    var isSwitch = false
    /// Its place among the values without a name, from 1; `nil`: by name only.
    var position: Int?
    /// What a switch is when the value after its colon is empty, as when a Unix shell has replaced `$false` by nothing.
    var emptyMeans = false
  }

  /// Values by the parameter's full name.
  private(set) var values: [String: String] = [:]
  /// Switches by their full name.
  private(set) var switches: [String: Bool] = [:]

  /// What every cmdlet takes and we have no use for.
  static let common: [Parameter] = [
    Parameter(name: "Verbose", aliases: ["vb"], isSwitch: true),
    Parameter(name: "Debug", aliases: ["db"], isSwitch: true),
    Parameter(name: "ErrorAction", aliases: ["ea"]),
    Parameter(name: "WarningAction", aliases: ["wa"]),
    Parameter(name: "InformationAction", aliases: ["infa"]),
    Parameter(name: "ErrorVariable", aliases: ["ev"]),
    Parameter(name: "WarningVariable", aliases: ["wv"]),
    Parameter(name: "InformationVariable", aliases: ["iv"]),
    Parameter(name: "OutVariable", aliases: ["ov"]),
    Parameter(name: "OutBuffer", aliases: ["ob"]),
  ]

  /// Reads `words`.
  init(_ words: [String], knowing parameters: [Parameter], cmdlet: String) throws(CmdletError) {
    let known = parameters + Self.common
    var byPosition: [String] = []
    var index = 0
    while index < words.count {
      let word = words[index]
      index += 1
      guard let (name, value) = Self.parameter(word) else {
        byPosition.append(word)
        continue
      }
      let parameter = try Self.match(name, known, cmdlet)
      if values[parameter.name] != nil || switches[parameter.name] != nil {
        throw CmdletError("\(cmdlet): -\(parameter.name) is given twice; give it once")
      }
      if parameter.isSwitch {
        switches[parameter.name] = try Self.truth(value, parameter, cmdlet)
      } else if let value, !value.isEmpty {
        values[parameter.name] = value
      } else if value == nil, index < words.count, Self.parameter(words[index]) == nil {
        values[parameter.name] = words[index]
        index += 1
      } else {
        throw CmdletError("\(cmdlet): -\(parameter.name) has no value; write -\(parameter.name) VALUE")
      }
    }
    try place(byPosition, known, cmdlet)
  }

  private mutating func place(_ words: [String], _ known: [Parameter], _ cmdlet: String) throws(CmdletError) {
    var free = known.filter { $0.position != nil && values[$0.name] == nil }
      .sorted { ($0.position ?? 0) < ($1.position ?? 0) }
    for word in words {
      guard !free.isEmpty else {
        throw CmdletError("\(cmdlet): '\(word)' belongs to no parameter; name it with -Name")
      }
      values[free.removeFirst().name] = word
    }
  }

  /// The name and the value after a colon, when `word` is a parameter. The dashes of typeset documents count too.
  private static func parameter(_ word: String) -> (name: String, value: String?)? {
    guard let dash = word.first, "-\u{2013}\u{2014}\u{2015}".contains(dash) else { return nil }
    let rest = word.dropFirst()
    guard let first = rest.first, first.isLetter || first == "?" else { return nil }
    guard let colon = rest.firstIndex(of: ":") else { return (String(rest), nil) }
    return (String(rest[..<colon]), String(rest[rest.index(after: colon)...]))
  }

  private static func match(_ name: String, _ known: [Parameter], _ cmdlet: String) throws(CmdletError)
    -> Parameter
  {
    let name = name.lowercased()
    if let exact = known.first(where: {
      $0.name.lowercased() == name || $0.aliases.contains(name)
    }) {
      return exact
    }
    let found = known.filter { $0.name.lowercased().hasPrefix(name) }
    if found.count == 1 { return found[0] }
    let all = (found.isEmpty ? known : found).map { "-\($0.name)" }.joined(separator: ", ")
    throw CmdletError(
      found.isEmpty
        ? "\(cmdlet) has no parameter -\(name); it has \(all)"
        : "\(cmdlet): -\(name) may mean \(all); write more of it"
    )
  }

  private static func truth(_ text: String?, _ parameter: Parameter, _ cmdlet: String) throws(CmdletError)
    -> Bool
  {
    switch text?.lowercased() {
    case nil, "$true", "true", "1": true
    case "$false", "false", "0": false
    case "": parameter.emptyMeans
    default:
      throw CmdletError(
        "\(cmdlet): -\(parameter.name) is a switch; write -\(parameter.name) or -\(parameter.name):$false"
      )
    }
  }
}

/// Why a command line of the original could not be understood. Exit code 64.
struct CmdletError: Error, Hashable, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}
