/// Why a pool file cannot be used: everything that is wrong with it, at once.
public struct PoolFileError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind.
  public enum Code: String, Hashable, Sendable {
    /// No such file, or no pool of that name is known here.
    case notFound
    /// The file is there and cannot be read.
    case unreadable
    /// What it says is wrong; see `problems`.
    case invalid
    /// `init` does not overwrite a file.
    case exists
  }

  /// One thing that is wrong.
  public struct Problem: Hashable, Sendable, Comparable {
    /// Line, from 1.
    public var line: Int
    /// Column, from 1, in Unicode scalars.
    public var column: Int
    /// What is wrong.
    public var what: String
    /// What to do about it.
    public var advice: String

    /// A problem at a place.
    public init(line: Int, column: Int, what: String, advice: String) {
      self.line = line
      self.column = column
      self.what = what
      self.advice = advice
    }

    /// Orders by place.
    public static func < (left: Self, right: Self) -> Bool {
      (left.line, left.column) < (right.line, right.column)
    }
  }

  /// The kind.
  public var code: Code
  /// The file, or what was asked for.
  public var path: String
  /// For every kind but `invalid`: what happened and what to do.
  public var message: String
  /// For `invalid`: what is wrong, by place.
  public var problems: [Problem]

  /// An error about the file as a whole.
  public init(_ code: Code, path: String, message: String) {
    self.code = code
    self.path = path
    self.message = message
    problems = []
  }

  /// An error about what the file says.
  public init(path: String, problems: [Problem]) {
    code = .invalid
    self.path = path
    message = ""
    self.problems = problems
  }

  /// One line for each problem: `file:line:column: what; what to do`.
  public var description: String {
    guard !problems.isEmpty else { return "\(path): \(message)" }
    return problems.map { "\(path):\($0.line):\($0.column): \($0.what); \($0.advice)" }
      .joined(separator: "\n")
  }
}
