import PatchRun

#if canImport(Glibc)
  import Glibc
#endif

/// `quorate-sim`: plays histories and says what came of them.
public enum SimulatorCommand {
  private struct Choices {
    var seed: UInt64 = 1
    var runs: UInt64?
    var servers = 5
    var weakness: Weakness?
    var replay: String?
    var isTraced = false
    var showsFaults = false
    var showsWeaknesses = false
    var goesOn = false
  }

  static let usage = """
    usage: quorate-sim [--seed N] [--runs M] [--servers 5] [--replay FILE] [--weaken NAME] [--weaknesses] [--faults]
                       [--all] [--trace]
    --seed N       the first seed (1)
    --runs M       how many seeds, one history each (1000)
    --replay FILE  play the seeds of a file instead, one a line, # for remarks
    --faults       print how often each fault happened
    --all          go on after a violation, and print each
    --weaken NAME  switch a gate or a fence off; a violation is to be found
    --weaknesses   switch off each in turn, and print a table of the runs until it was found (--runs: at most, 10000)
    --trace        print the whole trace of each history
    Exit: 0 no violation (with --weaknesses: each was found), 1 a violation, 2 usage.
    Names: \(Weakness.allCases.map(\.rawValue).joined(separator: " "))
    """

  /// Carries the command out; answers its exit code.
  public static func run(_ arguments: [String]) -> Int32 {
    guard let choices = parse(arguments) else {
      print(usage)
      return 2
    }
    if choices.showsWeaknesses { return tabulate(choices) }
    if let path = choices.replay {
      guard let seeds = seeds(inFile: path) else {
        print("quorate-sim: \(path) cannot be read, or is not a list of seeds")
        return 2
      }
      return play(seeds[...], choices)
    }
    let (end, overflow) = choices.seed.addingReportingOverflow(choices.runs ?? 1_000)
    return play(choices.seed..<(overflow ? .max : end), choices)
  }

  private static func parse(_ arguments: [String]) -> Choices? {
    var choices = Choices()
    var rest = arguments[...]
    while let option = rest.popFirst() {
      switch option {
      case "--trace": choices.isTraced = true
      case "--faults": choices.showsFaults = true
      case "--all": choices.goesOn = true
      case "--weaknesses": choices.showsWeaknesses = true
      default:
        guard let value = rest.popFirst(), take(option, value, &choices) else { return nil }
      }
    }
    return choices
  }

  private static func take(_ option: String, _ value: String, _ choices: inout Choices) -> Bool {
    switch option {
    case "--seed":
      guard let seed = UInt64(value) else { return false }
      choices.seed = seed
    case "--runs":
      guard let runs = UInt64(value) else { return false }
      choices.runs = runs
    case "--servers":
      guard let servers = Int(value), (1...64).contains(servers) else { return false }
      choices.servers = servers
    case "--weaken":
      guard let weakness = Weakness(rawValue: value) else { return false }
      choices.weakness = weakness
    case "--replay": choices.replay = value
    default: return false
    }
    return true
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
    let watch = Stopwatch()
    let book = RequestBook()
    var totals = Totals()
    var failed = 0
    for seed in seeds {
      let history = history(seed, choices, book, traced: choices.isTraced)
      totals.add(history)
      if choices.isTraced { for line in history.trace { print(line) } }
      guard let violation = history.violation else { continue }
      print("seed \(seed): \(violation)")
      // The same seed is the same history: played once more, for people.
      if !choices.isTraced, !choices.goesOn {
        for line in self.history(seed, choices, book, traced: true).trace.suffix(60) { print("  \(line)") }
      }
      print(
        "replay: quorate-sim --seed \(seed) --runs 1 --servers \(choices.servers)"
          + (choices.weakness.map { " --weaken \($0.rawValue)" } ?? "")
      )
      failed += 1
      if !choices.goesOn { break }
    }
    if choices.showsFaults { for line in totals.faults.lines { print(line) } }
    print(totals.text(watch))
    return failed == 0 ? 0 : 1
  }

  /// Switches each gate and each fence off in turn.
  private static func tabulate(_ choices: Choices) -> Int32 {
    let book = RequestBook()
    var missed = 0
    print("| switched off | found in run | by |\n| --- | ---: | --- |")
    for weakness in Weakness.allCases {
      var choices = choices
      choices.weakness = weakness
      var found: (run: UInt64, what: String)?
      for run in 1...max(1, choices.runs ?? 10_000) {
        let seed = choices.seed &+ (run - 1)
        guard let violation = history(seed, choices, book, traced: false).violation else { continue }
        found = (run, violation)
        break
      }
      if found == nil { missed += 1 }
      print("| \(weakness.rawValue) | \(found.map { "\($0.run)" } ?? "not found") | \(found?.what ?? "") |")
    }
    print(missed == 0 ? "each was found" : "\(missed) not found")
    return missed == 0 ? 0 : 1
  }

  private static func history(_ seed: UInt64, _ choices: Choices, _ book: RequestBook, traced: Bool)
    -> History
  {
    var simulation = PoolSimulation(
      seed: seed,
      servers: choices.servers,
      weakness: choices.weakness,
      traced: traced,
      book: book
    )
    return simulation.play()
  }
}

/// How long something took: on the clock, and of one core.
struct Stopwatch {
  private let begun = (wall: Self.now(CLOCK_MONOTONIC), core: Self.now(CLOCK_PROCESS_CPUTIME_ID))

  var wall: Double { Self.now(CLOCK_MONOTONIC) - begun.wall }
  var core: Double { Self.now(CLOCK_PROCESS_CPUTIME_ID) - begun.core }

  private static func now(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
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
  private(set) var faults = FaultCounts()

  mutating func add(_ history: History) {
    runs += 1
    outcomes[history.outcome?.word ?? "none", default: 0] += 1
    happenings += history.happenings
    records += history.records
    fingerprint = fingerprint &* 31 ^ history.fingerprint
    faults.add(history.faults)
  }

  func text(_ watch: Stopwatch) -> String {
    let each = outcomes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    func rate(_ seconds: Double) -> Int { seconds > 0 ? Int(Double(runs) / seconds) : 0 }
    return
      "\(runs) runs (\(each)), \(happenings / max(1, runs)) events and \(records / max(1, runs)) records each,"
      + " \(rate(watch.core)) runs a second of one core (\(rate(watch.wall)) on the clock), fingerprint \(String(fingerprint, radix: 16))"
  }
}
