import PatchRun
import PoolModel

/// A plan as text.
enum PlanText {
  static func render(_ plan: PatchPlan) -> String {
    var lines = [
      "Plan: \(plan.kind.rawValue) of pool \(plan.pool)\(plan.kind == .patch ? plan.target.map { " to \($0)" } ?? "" : ""), made \(plan.madeAt.text)",
      "",
    ]
    var table = TextTable([
      .init(heading: "BATCH", side: .right), .init(heading: "SERVER"), .init(heading: "UPGRADE DOMAIN"),
      .init(heading: "VERSION"), .init(heading: "PRIMARIES", side: .right), .init(heading: "REMARK"),
    ])
    for entry in plan.entries {
      let batch = plan.batches.firstIndex { $0.contains(entry.server) }
      table.add([
        batch.map { "\($0 + 1)" } ?? "-", entry.server.rawValue, entry.upgradeDomain.rawValue,
        entry.version ?? "unknown",
        "\(entry.primaries)", entry.skip.map { "skipped: \($0)" } ?? "",
      ])
    }
    lines += table.lines + [""]
    let moves = plan.moves
    lines.append(
      "primary moves: \(moves.total), \(moves.expected) while servers go out and \(moves.evening) to even out at the end; "
        + "floor \(moves.floor), naive \(moves.naive) (evening out after each fail-back)"
    )
    if let why = moves.why { lines.append("  the floor: \(why)") }
    if let lowest = plan.lowestRedundancy {
      lines.append("fewest caught-up replicas of any group on the way: \(lowest)")
    }
    lines.append("floor: \(plan.floor.rawValue)")
    let isTimed = plan.kind == .patch && !plan.batches.isEmpty
    if isTimed {
      lines.append(
        "predicted duration: \(plan.predicted?.text ?? "not known, no patch run of this pool has ended well yet")"
      )
    }
    lines += plan.remarks
    return lines.joined(separator: "\n") + "\n"
  }
}
