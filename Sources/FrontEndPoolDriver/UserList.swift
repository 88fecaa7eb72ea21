/// A list of users as a file has it (RFC 4180): one a line, `user,password`, or `user,ha1-md5` or
/// `user,ha1-md5,ha1-sha256` with hashes. A first line of just those words says which; without it the caller does. Empty
/// lines, and lines that begin with `#`, are left out.
public struct UserList: Hashable, Sendable {
  /// What the second column holds.
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    /// Passwords.
    case passwords
    /// Hashes of `user:realm:password` by MD5, and perhaps by SHA-256.
    case hashes
  }

  /// What is wrong with a list. It never shows a password or a hash.
  public struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
    /// The line, from 1; 0 for the whole.
    public var line: Int
    /// What is wrong with it.
    public var what: String

    /// The line and what is wrong.
    public var description: String { line > 0 ? "line \(line): \(what)" : what }
  }

  /// The most users of a list.
  public static let most = 1_000_000

  /// The users, in their order.
  public private(set) var users: [UserDirectory.NewUser] = []

  /// Reads a list.
  /// - Parameters:
  ///   - kind: what the second column holds; `nil` when the first line says so. A list of which nobody says is taken for
  ///     passwords unless one looks like a hash.
  ///   - isName: whether a name can be a user's.
  public init(parsing text: String, kind: Kind? = nil, isName: (String) -> Bool) throws(Problem) {
    var kind = kind
    let isGuessed: Bool
    var seen: Set<String> = []
    var lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }.enumerated()
      .map { (number: $0.offset + 1, text: $0.element) }
      .filter { !$0.text.allSatisfy(\.isWhitespace) && !$0.text.hasPrefix("#") }
    if let first = lines.first, let said = Self.heading(first.text) {
      guard kind == nil || kind == said else {
        throw Problem(line: first.number, what: "the heading says \(said.rawValue)")
      }
      kind = said
      lines.removeFirst()
    }
    isGuessed = kind == nil
    guard lines.count <= Self.most else {
      throw Problem(line: 0, what: "it has more than \(Self.most) users")
    }
    for (number, text) in lines {
      guard let fields = Self.fields(text) else {
        throw Problem(line: number, what: "a quotation mark is not closed")
      }
      guard fields.count >= 2, let name = fields.first else {
        throw Problem(line: number, what: "it is not user,password or user,ha1-md5,ha1-sha256")
      }
      guard isName(name) else { throw Problem(line: number, what: "'\(name)' cannot be a user's name") }
      guard seen.insert(name).inserted else {
        throw Problem(line: number, what: "user '\(name)' is there twice")
      }
      if isGuessed, Self.isHash(fields[1].lowercased(), 32) {
        throw Problem(
          line: number,
          what: "is this a password or a hash? Say so with --hashes or --passwords, or by a heading"
        )
      }
      users.append(
        UserDirectory.NewUser(name: name, secret: try Self.secret(fields, kind ?? .passwords, number))
      )
    }
    guard !users.isEmpty else { throw Problem(line: 0, what: "it has no users") }
  }

  private static func secret(_ fields: [String], _ kind: Kind, _ number: Int) throws(Problem)
    -> UserDirectory.Secret
  {
    switch kind {
    case .passwords:
      guard fields.count == 2 else {
        throw Problem(line: number, what: "a password with a comma stands in quotation marks")
      }
      guard !fields[1].isEmpty else { throw Problem(line: number, what: "the password is empty") }
      return .password(fields[1])
    case .hashes:
      let md5 = fields[1].lowercased()
      let sha256 = fields.count > 2 ? fields[2].lowercased() : ""
      guard fields.count <= 3, md5.isEmpty || isHash(md5, 32), sha256.isEmpty || isHash(sha256, 64),
        !(md5.isEmpty && sha256.isEmpty)
      else {
        throw Problem(line: number, what: "a hash is 32 hex digits for MD5 and 64 for SHA-256")
      }
      return .hashes(md5: md5.isEmpty ? nil : md5, sha256: sha256.isEmpty ? nil : sha256)
    }
  }

  private static func heading(_ line: some StringProtocol) -> Kind? {
    switch line.lowercased().filter({ !$0.isWhitespace }) {
    case "user,password": .passwords
    case "user,ha1-md5", "user,ha1-md5,ha1-sha256": .hashes
    default: nil
    }
  }

  private static func isHash(_ text: String, _ digits: Int) -> Bool {
    text.utf8.count == digits
      && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }

  /// The fields of a line; `nil` when a quotation mark is not closed. Quotation marks inside such a field are doubled.
  private static func fields(_ line: some StringProtocol) -> [String]? {
    var fields: [String] = []
    var field = ""
    var isQuoted = false
    var wasQuote = false
    for character in line {
      if isQuoted, character == "\"" {
        isQuoted = false
        wasQuote = true
        continue
      }
      if character == "\"", wasQuote {
        // Doubled: it stands for itself.
        field.append("\"")
        isQuoted = true
      } else if character == "\"", field.isEmpty {
        isQuoted = true
      } else if character == ",", !isQuoted {
        fields.append(field)
        field = ""
      } else {
        field.append(character)
      }
      wasQuote = false
    }
    return isQuoted ? nil : fields + [field]
  }
}
