import PatchRun

#if canImport(Glibc)
  import Glibc
#endif

/// `quorate-sim`: plays histories and says what came of them.
public enum SimulatorCommand {
  private struct Choices {
    var seed: UInt64 = 1
    var runs: UInt64 = 1_000
    var servers = 5
    var weakness: Weakness?
    var replay: String?
    var isTraced = false
  }

  static let usage = """
    usage: quorate-sim [--seed N] [--runs M] [--servers 5] [--replay FILE] [--weaken NAME] [--trace]
    --seed N       the first seed (1)
    --runs M       how many seeds, one history each (1000)
    --replay FILE  play the seeds of a file instead, one a line, # for remarks
    --weaken NAME  switch a gate or a fence off; a violation is to be found
    --trace        print the whole trace of each history
    Exit: 0 no violation, 1 a violation, 2 usage.
    Names: \(Weakness.allCases.map(\.rawValue).joined(separator: " "))
    """

  /// Carries the command out; answers its exit code.
  public static func run(_ arguments: [String]) -> Int32 {
    guard let choices = parse(arguments) else {
      print(usage)
      return 2
    }
    if let path = choices.replay {
      guard let seeds = seeds(inFile: path) else {
        print("quorate-sim: \(path) cannot be read, or is not a list of seeds")
        return 2
      }
      return play(seeds[...], choices)
    }
    let (end, overflow) = choices.seed.addingReportingOverflow(choices.runs)
    return play(choices.seed..<(overflow ? .max : end), choices)
  }

  private static func parse(_ arguments: [String]) -> Choices? {
    var choices = Choices()
    var rest = arguments[...]
    while let option = rest.popFirst() {
      if option == "--trace" {
        choices.isTraced = true
        continue
      }
      guard let value = rest.popFirst() else { return nil }
      switch option {
      case "--seed":
        guard let seed = UInt64(value) else { return nil }
        choices.seed = seed
      case "--runs":
        guard let runs = UInt64(value) else { return nil }
        choices.runs = runs
      case "--servers":
        guard let servers = Int(value), (1...64).contains(servers) else { return nil }
        choices.servers = servers
      case "--weaken":
        guard let weakness = Weakness(rawValue: value) else { return nil }
        choices.weakness = weakness
      case "--replay": choices.replay = value
      default: return nil
      }
    }
    return choices
  }

  /// The seeds of a file; `nil` when it is none.
  static func seeds(inFile path: String) -> [UInt64]? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while bytes.count < 1 << 20 {
      let count = fread(&buffer, 1, buffer.count, file)
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    var seeds: [UInt64] = []
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: "#", omittingEmptySubsequences: false)[0].split(separator: " ")
      guard let word = words.first else { continue }
      guard let seed = UInt64(word) else { return nil }
      seeds.append(seed)
    }
    return seeds
  }

  private static func play(_ seeds: some Sequence<UInt64>, _ choices: Choices) -> Int32 {
    let begun = seconds()
    var totals = Totals()
    for seed in seeds {
      let history = history(seed, choices, traced: choices.isTraced)
      totals.add(history)
      if choices.isTraced { for line in history.trace { print(line) } }
      guard let violation = history.violation else { continue }
      print("seed \(seed): \(violation)")
      // The same seed is the same history: played once more, for people.
      if !choices.isTraced {
        for line in tail(seed, choices) { print("  \(line)") }
      }
      print(
        "replay: quorate-sim --seed \(seed) --runs 1 --servers \(choices.servers)"
          + (choices.weakness.map { " --weaken \($0.rawValue)" } ?? "")
      )
      print(totals.text(seconds: seconds() - begun))
      return 1
    }
    print(totals.text(seconds: seconds() - begun))
    return 0
  }

  private static func history(_ seed: UInt64, _ choices: Choices, traced: Bool) -> History {
    var simulation = PoolSimulation(
      seed: seed,
      servers: choices.servers,
      weakness: choices.weakness,
      traced: traced
    )
    return simulation.play()
  }

  private static func tail(_ seed: UInt64, _ choices: Choices) -> ArraySlice<String> {
    history(seed, choices, traced: true).trace.suffix(60)
  }

  private static func seconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}

/// What many histories came to.
struct Totals {
  private var runs = 0
  private var outcomes: [String: Int] = [:]
  private var happenings = 0
  private var records = 0
  private var fingerprint: UInt64 = 0

  mutating func add(_ history: History) {
    runs += 1
    outcomes[history.outcome?.word ?? "none", default: 0] += 1
    happenings += history.happenings
    records += history.records
    fingerprint = fingerprint &* 31 ^ history.fingerprint
  }

  func text(seconds: Double) -> String {
    let each = outcomes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    let rate = seconds > 0 ? Int(Double(runs) / seconds) : 0
    return
      "\(runs) runs (\(each)), \(happenings / max(1, runs)) events and \(records / max(1, runs)) records each,"
      + " \(rate) runs a second, fingerprint \(String(fingerprint, radix: 16))"
  }
}
