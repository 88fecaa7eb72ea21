import Testing

/// Imports point downwards only (ARCHITECTURE.md). SwiftPM does not catch an import that no dependency declares when
/// another target has built the module already, so this does.
@Suite("Layering")
struct LayeringTests {
  /// Ours by layer, lowest first. A target may import targets of lower layers, and those of its own that `beside` names.
  static let layers: [[String]] = [
    ["PoolModel"],
    ["SIPMessage", "PatchRun", "Replication"],
    ["SIPTransaction", "SIPDigest", "Registrar"],
    ["SIPProxy", "RegEvent"],
    ["FabricStore", "PoolDriving"],
    ["PoolProcedures"],
    ["FabricStoreSQLite", "FabricStoreEtcd", "FabricRecords", "PoolFile", "TargetActs"],
    ["FrontEndPoolDriver", "ServerControl", "SIPClient", "PoolTesting"],
    ["FabricAgent", "SIPUserProber"],
    ["FrontEnd", "PatchEngine", "PoolDemo", "PoolSimulator"],
    ["PatchCommands", "KillSweep"],
    ["quorate", "quorate-next", "quorate-sim", "fabric-load", "engine-bench", "plan-bench", "pool-bench"],
  ]

  /// Values in, values out: nothing that has a clock, a socket or a log.
  static let pure: Set<String> = [
    "PoolModel", "PatchRun", "Replication", "SIPMessage", "SIPTransaction", "SIPDigest", "SIPProxy",
    "RegEvent", "Registrar", "PoolProcedures",
  ]

  /// Ports say what, not how.
  static let ports: Set<String> = ["FabricStore", "PoolDriving"]

  /// What a pure target may import besides lower targets of ours.
  static let pureImports: [String: Set<String>] = ["SIPDigest": ["Crypto"]]

  static func layer(of target: String) -> Int? { layers.firstIndex { $0.contains(target) } }

  @Test("every target has a layer")
  func everyTargetHasALayer() throws {
    let targets = Set(try SourceTree.files(below: "Sources").map(\.target))
    #expect(!targets.isEmpty)
    for target in targets.sorted() {
      #expect(
        Self.layer(of: target) != nil,
        "\(target): give it a layer in LayeringTests and in ARCHITECTURE.md"
      )
    }
  }

  @Test("imports point downwards")
  func importsPointDownwards() throws {
    for file in try SourceTree.files(below: "Sources") {
      guard let own = Self.layer(of: file.target) else { continue }
      for module in file.lines.compactMap(SourceTree.importedModule(in:)) {
        guard let other = Self.layer(of: module) else { continue }
        #expect(other < own, "\(file.path) imports \(module), which is not below \(file.target)")
      }
    }
  }

  @Test("cores and ports import neither Foundation nor I/O")
  func coresAreePure() throws {
    for file in try SourceTree.files(below: "Sources")
    where Self.pure.contains(file.target) || Self.ports.contains(file.target) {
      for module in file.lines.compactMap(SourceTree.importedModule(in:)) {
        let allowed = Self.layer(of: module) != nil || Self.pureImports[file.target]?.contains(module) == true
        #expect(allowed, "\(file.path) imports \(module): a core or a port takes values and gives values")
      }
    }
  }

  @Test("cores are synchronous and have no clock and no chance")
  func coresHaveNoClock() throws {
    let banned = [
      " async ", "await ", "ContinuousClock", ".random(", "SystemRandomNumberGenerator", "Task {", "Date()",
    ]
    for file in try SourceTree.files(below: "Sources") where Self.pure.contains(file.target) {
      for (number, line) in file.lines.enumerated() where !line.trimmedIsComment {
        for word in banned {
          #expect(
            !line.contains(word),
            "\(file.path):\(number + 1): \(word) in a core: pass time and events in as values"
          )
        }
      }
    }
  }
}

extension String {
  /// Whether the line is a comment as a whole.
  var trimmedIsComment: Bool { drop { $0 == " " }.hasPrefix("//") }
}
