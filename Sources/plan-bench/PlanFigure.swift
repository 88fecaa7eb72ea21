import Glibc
import PatchRun
import PoolModel

/// One generated pool planned: what it took and what came out.
struct PlanFigure {
  let pool: GeneratedPool
  /// The time of `PatchPlanner.plan(for:)` on the one core that it uses: what others do on the machine does not count.
  let time: Duration
  let plan: PatchPlan
  /// What is wrong with the plan; empty when nothing is.
  let faults: [String]

  /// Plans for `pool`, and looks at the plan with eyes of its own.
  init(_ pool: GeneratedPool, steps: Int) throws {
    let state = pool.state()
    var planner = PatchPlanner(kind: .patch, target: "2.0", batches: true)
    planner.steps = steps
    let began = Self.now
    let plan = try planner.plan(for: state)
    self.pool = pool
    time = Self.now - began
    self.plan = plan
    faults = Self.faults(plan, state)
  }

  /// The time that this process has computed.
  private static var now: Duration {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }

  /// The rounds' bound: what is proven for this very pool, or for nearly all pools of the generator.
  var bound: Int { max(plan.roundsBound ?? 0, pool.boundOfGenerator()?.rounds ?? 0) }
  /// How much more than the bound.
  var excess: Double { Double(plan.batches.count) / Double(bound) - 1 }
  /// The time in milliseconds.
  var milliseconds: Double {
    Double(time.components.seconds) * 1_000 + Double(time.components.attoseconds) / 1e15
  }

  /// Every server exactly once, every group two of three in every round, a majority of the servers in every round.
  private static func faults(_ plan: PatchPlan, _ state: FabricState) -> [String] {
    var faults: [String] = []
    if plan.servers.count != state.servers.count || Set(plan.servers) != Set(state.servers.map(\.name)) {
      faults.append("not every server exactly once")
    }
    var round: [ServerName: Int] = [:]
    for (number, servers) in plan.batches.enumerated() { for server in servers { round[server] = number } }
    let torn = state.groups.count { Set($0.replicas.map { round[$0.server] }).count < 3 }
    if torn > 0 { faults.append("\(torn) groups lose two replicas in one round") }
    if let largest = plan.batches.map(\.count).max(), state.servers.count - largest < state.serversNeeded {
      faults.append("a round of \(largest) servers leaves too few")
    }
    return faults
  }
}

/// `value` with `digits` digits after the point.
func text(_ value: Double, _ digits: Int = 0) -> String {
  let scale = pow(10, Double(digits))
  let rounded = (value * scale).rounded() / scale
  return digits == 0 ? "\(Int(rounded))" : "\(rounded)"
}
