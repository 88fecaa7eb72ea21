import Glibc
import PoolDemo

// Measures the figures of issue 2 ("Figures to show") on real processes and prints them as a Markdown table. Run by
// Benchmarks/pool.sh. Arguments: the names of the figures to take (gaps, failover, coldstart, commands, etcd-gaps), or none for all but the last.
// `pool-bench kills [STEP [RANDOM]]` is another thing: it kills patch runs at each journal record (Benchmarks/kill-sweep.sh).
// `pool-bench rolls ANSIBLE-PLAYBOOK DIRECTORY` compares a roll with Ansible's (Benchmarks/engine.sh).
// Exit code 0 when every bound is met, 1 when not, 69 when a figure could not be taken.

let names = CommandLine.arguments.dropFirst()
var code: Int32 = 0
if names.first == "rolls", names.count == 3 {
  do {
    let words = Array(names)
    let rolls = RollFigures(
      programs: try .besideRunning(named: "quorate"),
      ansible: words[1],
      directory: words[2]
    )
    exit(try await rolls.show(rounds: 3) ? 0 : 1)
  } catch {
    complain("\(error)")
    exit(69)
  }
}
if names.first == "kills" {
  do {
    let numbers = names.dropFirst().map { Int($0) ?? 0 }
    let wrong = try await KillFigures(programs: .besideRunning(named: "quorate"))
      .show(step: max(1, numbers.first ?? 1), random: numbers.dropFirst().first ?? 6)
    exit(wrong == 0 ? 0 : 1)
  } catch {
    complain("\(error)")
    exit(69)
  }
}
do {
  let figures = PoolFigures(programs: try .besideRunning(named: "quorate"))
  let all: [(name: String, take: () async throws -> [Figure])] = [
    ("commands", figures.commands), ("gaps", figures.gaps), ("failover", figures.failOver),
    ("coldstart", figures.coldStart),
  ]
  // Only when it is named: Benchmarks/etcd.sh.
  let named: [(name: String, take: () async throws -> [Figure])] = [("etcd-gaps", figures.gapsOnEtcd)]
  for name in names where !(all + named).contains(where: { $0.name == name }) {
    throw BenchError(
      "there is no figure '\(name)'; there are \((all + named).map(\.name).joined(separator: ", "))"
    )
  }
  say("| figure | measured | bound | |")
  say("| --- | --- | --- | --- |")
  for (name, take) in names.isEmpty ? all : (all + named).filter({ names.contains($0.name) }) {
    do {
      for figure in try await take() {
        figure.show()
        if !figure.isMet { code = max(code, 1) }
      }
    } catch {
      say("| \(name) | could not be measured | | NOT MET |")
      complain("\(name): \(error)")
      code = 69
    }
  }
} catch {
  complain("\(error)")
  code = 69
}
exit(code)
