import Foundation

/// The repository's own Swift sources, as text, for the tests that hold its style.
struct SourceTree {
  /// A source file.
  struct File {
    /// The target it belongs to: the folder below `Sources` or `Tests`.
    let target: String
    /// The path below the repository.
    let path: String
    /// Its lines.
    let lines: [String]
  }

  /// The repository's folder.
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// Every Swift file below `folder` (`Sources` or `Tests`), in order of path.
  static func files(below folder: String) throws -> [File] {
    let base = root.appending(path: folder)
    let paths = try FileManager.default.subpathsOfDirectory(atPath: base.path)
    return try paths.filter { $0.hasSuffix(".swift") }.sorted().map { path in
      let text = try String(contentsOf: base.appending(path: path), encoding: .utf8)
      return File(
        target: String(path.prefix { $0 != "/" }),
        path: "\(folder)/\(path)",
        lines: text.components(separatedBy: "\n")
      )
    }
  }

  /// The modules that a line imports, without attributes, access levels and kinds.
  static func importedModule(in line: String) -> String? {
    let words = line.split(separator: " ")
    guard let keyword = words.firstIndex(of: "import"), keyword + 1 < words.count else { return nil }
    let leading = words[..<keyword]
    guard
      leading.allSatisfy({ $0.hasPrefix("@") || ["public", "internal", "package", "private"].contains($0) })
    else { return nil }
    let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
    let name =
      kinds.contains(words[keyword + 1]) && keyword + 2 < words.count
      ? words[keyword + 2] : words[keyword + 1]
    return String(name.prefix { $0 != "." })
  }
}
