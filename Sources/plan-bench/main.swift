import Glibc
import PatchRun

// The planner's figures (issue 4): plans generated pools in batches and prints Markdown tables. Run by
// Benchmarks/engine.sh. Arguments: nothing for the tables, or `--steps N` for another bound on the search.
// Exit code 0; 1 when a plan is unsafe, takes 1 s or more, or is more than 10 % above its bound where that is held.

var steps = PatchPlanner.usualSteps
let arguments = CommandLine.arguments.dropFirst()
if arguments.first == "--steps", let given = arguments.dropFirst().first.flatMap({ Int($0) }) {
  steps = given
} else if !arguments.isEmpty {
  complain("it takes --steps N or nothing")
  exit(64)
}

var code: Int32 = 0

/// Says on standard error what is wrong.
func complain(_ what: String) {
  let line = "plan-bench: \(what)\n"
  _ = line.utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
}

/// Plans one kind of pool for several seeds, prints a row and what is wrong.
@MainActor
func row(_ placement: GeneratedPool.Placement, servers: Int, seeds: Int, isHeld: Bool) throws {
  let figures = try (1...seeds).map {
    try PlanFigure(GeneratedPool(placement: placement, servers: servers, seed: $0), steps: steps)
  }
  let times = figures.map(\.milliseconds).sorted()
  let rounds = figures.map(\.plan.batches.count)
  let bounds = figures.map { $0.plan.roundsBound ?? 0 }
  let worst = figures.map(\.excess).max() ?? 0
  let generator = figures[0].pool.boundOfGenerator()
  func span(_ values: [Int]) -> String {
    let (low, high) = (values.min() ?? 0, values.max() ?? 0)
    return low == high ? "\(low)" : "\(low) to \(high)"
  }
  print(
    "| \(placement.name) | \(servers) | \(seeds) | \(text(times[times.count / 2])) ms | \(text(times[times.count - 1])) ms "
      + "| \(span(rounds)) | \(span(bounds)) | \(generator.map { "\($0.rounds) (10^\(text($0.odds)))" } ?? "") "
      + "| \(text(worst * 100, 1)) % |"
  )
  for figure in figures where !figure.faults.isEmpty {
    print("seed \(figure.pool.seed): \(figure.faults.joined(separator: "; "))")
    code = 1
  }
  if times[times.count - 1] >= 1_000 || (isHeld && worst > 0.1) { code = 1 }
}

do {
  print(
    "| placement | servers | seeds | median | longest | rounds | proven for the pool | for the generator | above |"
  )
  print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
  try row(.uniform, servers: 10_000, seeds: 10, isHeld: false)
  for domains in [3, 4, 5] { try row(.domains(domains), servers: 10_000, seeds: 10, isHeld: true) }
  for servers in [100, 300, 1_000, 3_000] {
    try row(.uniform, servers: servers, seeds: 3, isHeld: false)
    try row(.domains(3), servers: servers, seeds: 3, isHeld: true)
  }
} catch {
  complain("\(error)")
  exit(69)
}
exit(code)
