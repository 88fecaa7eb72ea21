import Testing

/// Budgets and banned calls. Each message names what to use instead.
@Suite("Style")
struct StyleTests {
  /// A file longer than this holds more than one thing.
  static let fileBudget = 400
  /// A function longer than this is more than one step.
  static let functionBudget = 70

  static let banned: [(call: String, instead: String)] = [
    ("try!", "handle the error, or throw it typed"),
    ("fatalError(", "throw; only a programmer's error may trap, with preconditionFailure and its reason"),
    ("as!", "a conditional cast with an answer for the other case"),
    ("@unchecked Sendable", "Mutex, or confine the state to its event loop"),
    ("@preconcurrency", "the Swift 6 spelling"),
    ("DispatchQueue", "a task or the event loop"),
    ("Thread.sleep", "Task.sleep, or a scheduled callback"),
    ("NSLock", "Synchronization.Mutex"),
    ("FIXME", "mend it, or write the issue"),
    ("TODO", "do it, or write the issue"),
  ]

  /// Where a banned call is the right one, and why.
  static let allowed: [String: [String]] = [
    // SQLite and its file locks block. Blocking work on the threads that tasks share would stop everything else.
    "DispatchQueue": ["FabricStoreSQLite"]
  ]

  static let vagueNames = ["Core", "Utils", "Util", "Common", "Helpers", "Helper", "Manager", "Misc"]

  @Test("no file is over its budget")
  func fileBudgets() throws {
    for file in try SourceTree.files(below: "Sources") {
      #expect(
        file.lines.count <= Self.fileBudget,
        "\(file.path) has \(file.lines.count) lines: split it by subject"
      )
    }
  }

  @Test("no function is over its budget")
  func functionBudgets() throws {
    for file in try SourceTree.files(below: "Sources") {
      for function in Self.functions(in: file.lines) {
        #expect(
          function.length <= Self.functionBudget,
          "\(file.path):\(function.line): \(function.length) lines in one function: name its steps"
        )
      }
    }
  }

  @Test("no banned call")
  func bannedCalls() throws {
    for file in try SourceTree.files(below: "Sources") {
      for (number, line) in file.lines.enumerated() where !line.trimmedIsComment {
        for (call, instead) in Self.banned where Self.allowed[call]?.contains(file.target) != true {
          #expect(!line.contains(call), "\(file.path):\(number + 1): \(call): use \(instead)")
        }
      }
    }
  }

  @Test("names say what a thing is")
  func names() throws {
    for file in try SourceTree.files(below: "Sources") {
      let name = file.path.split(separator: "/").last.map(String.init) ?? ""
      for vague in Self.vagueNames {
        #expect(!name.hasSuffix("\(vague).swift"), "\(file.path): \(vague) says nothing; name what it is")
      }
    }
  }

  @Test("libraries do not print: commands do")
  func noPrintInLibraries() throws {
    let mayPrint: Set<String> = [
      "PatchCommands", "PoolDemo", "PoolSimulator", "quorate", "quorate-next", "quorate-sim", "fabric-load",
      "engine-bench", "plan-bench", "pool-bench",
    ]
    for file in try SourceTree.files(below: "Sources") where !mayPrint.contains(file.target) {
      for (number, line) in file.lines.enumerated() where !line.trimmedIsComment {
        let words = line.drop { $0 == " " }
        #expect(!words.hasPrefix("print("), "\(file.path):\(number + 1): print in a library: use the logger")
      }
    }
  }

  struct FunctionSpan {
    let line: Int
    let length: Int
  }

  /// Functions and initialisers, measured from the opening line to the brace that closes at the same indentation.
  /// The formatter keeps that shape.
  static func functions(in lines: [String]) -> [FunctionSpan] {
    var found: [FunctionSpan] = []
    for (number, line) in lines.enumerated() {
      let text = line.drop { $0 == " " }
      guard !text.hasPrefix("//"), text.contains("func ") || text.contains("init(") || text.contains("init?(")
      else {
        continue
      }
      let isDeclaration =
        text.split(separator: " ").contains("func") || text.hasPrefix("init")
        || text.contains(" init(")
          && (text.hasPrefix("public") || text.hasPrefix("package"))
      guard isDeclaration else { continue }
      let indentation = String(repeating: " ", count: line.count - text.count)
      guard line.contains("{") || number + 1 < lines.count else { continue }
      if line.hasSuffix("}") && line.contains("{") { continue }
      guard
        let end = lines[(number + 1)...].firstIndex(where: { $0 == indentation + "}" || $0 == indentation }),
        lines[end] == indentation + "}"
      else { continue }
      found.append(FunctionSpan(line: number + 1, length: end - number + 1))
    }
    return found
  }
}
