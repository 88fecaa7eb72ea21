import PoolModel
import Testing

@testable import Replication

/// A machine's story as text: each event, and the directives it gave, without those that only keep time.
struct MachineStory {
  var machine: ReplicationMachine
  var now = Instant(nanoseconds: 1_000_000_000)
  var lines: [String] = []

  init(_ server: String) { machine = ReplicationMachine(server: ServerName(server)) }

  mutating func tell(_ name: String, _ event: ReplicationMachine.Event) {
    lines.append("> \(name)")
    for directive in machine.handle(event, at: now) { lines.append(contentsOf: Self.text(directive)) }
  }

  mutating func wait(_ duration: Duration) {
    now = now + duration
    tell("\(duration.milliseconds) ms pass", .tick)
  }

  mutating func lease(_ instance: UInt64) {
    tell("lease", .leaseGranted(instance: instance, sentAt: now, ttl: .seconds(2)))
  }

  mutating func change(_ name: String, _ changes: FabricChange...) {
    tell(name, .viewChanged(changes, revision: machine.view.revision + 1))
  }

  static func text(_ directive: ReplicationMachine.Directive) -> [String] {
    switch directive {
    case .nextTick: []
    case .commit(let updates):
      updates.map { update in
        let groups = update.update.writes.compactMap { write -> String? in
          guard case .group(let record, let fencing) = write else { return nil }
          let leader = record.primary?.rawValue ?? "-"
          let swap = record.swap.map { " offered to \($0.target)" } ?? ""
          return "\(leader) of \(record.replicas.map { "\($0.server)\($0.builtBy)" }.joined(separator: " "))"
            + " at \(record.generation)\(fencing ? " fencing" : "")\(swap)"
        }
        return "  \(update.purpose) \(update.group): \(groups.joined())"
      }
    case .service(let service):
      ["  service \(service.isInService ? "in service" : service.mark.map { "ends for \($0.reason)" } ?? "")"]
    default: ["  \(directive)".replacing("PoolModel.", with: "").replacing("Replication.", with: "")]
    }
  }
}

@Suite struct MachineTests {
  @Test func `a group is handed over without a moment of two leaders`() {
    var story = MachineStory("a")
    story.tell("view", .viewRead(view(servers: "abc", groups: [group(0, "a b c", generation: 4)])))
    story.lease(1)
    story.tell("loaded", .replicaLoaded(RoutingGroupID(0)))
    let mark = OutMark(by: "op", reason: "patch", since: PoolTime(milliseconds: 0))
    let leaving = ServerRecord(
      name: ServerName("a"),
      upgradeDomain: UpgradeDomain("a"),
      service: .leaving(mark)
    )
    story.change("leaving", .server(ServerName("a"), Versioned(leaving, revision: 11)))
    story.tell("resolved", .writesResolved(RoutingGroupID(0)))
    story.tell("applied", .updateFinished(id: 1, .applied(revision: 12)))
    var record = group(0, "a b c", generation: 4)
    record.swap = SwapOffer(target: ServerName("b"), targetInstance: 2)
    story.change("offer seen", .group(record.id, Versioned(record, revision: 12)))
    record = group(0, "b a c", generation: 5)
    story.change("taken", .group(record.id, Versioned(record, revision: 13)))
    story.tell("drained", .drained)
    #expect(
      story.lines == [
        "> view", "  service in service", "  loadReplica(rg-0)",
        "> lease",
        "> loaded", "  lead(rg-0, generation: 4)", "  routeChanged(rg-0)",
        "> leaving", "  service ends for patch",
        "  hold(rg-0)",
        "  routeChanged(rg-0)",
        "> resolved", "  offer rg-0: a of a1 b2 c3 at 4 offered to b",
        "> applied",
        "> offer seen",
        "> taken", "  stopLeading(rg-0)", "  release(rg-0)", "  routeChanged(rg-0)",
        "> drained", "  announce(drained: true, clockOffset: 0.0 seconds)",
      ]
    )
    #expect(story.machine.route(RoutingGroupID(0)) == .elsewhere(ServerName("b")))
  }

  @Test func `an offer is taken at a higher generation, and led when the view says so`() {
    var story = MachineStory("b")
    var record = group(0, "a b c", generation: 4)
    story.tell("view", .viewRead(view(servers: "abc", groups: [record])))
    story.lease(2)
    story.tell("loaded", .replicaLoaded(record.id))
    record.swap = SwapOffer(target: ServerName("b"), targetInstance: 2)
    story.change("offer", .group(record.id, Versioned(record, revision: 12)))
    story.tell("applied", .updateFinished(id: 1, .applied(revision: 13)))
    record = group(0, "b a c", generation: 5)
    story.change("seen", .group(record.id, Versioned(record, revision: 13)))
    #expect(
      story.lines == [
        "> view", "  service in service", "  loadReplica(rg-0)", "  routeChanged(rg-0)",
        "> lease", "> loaded",
        "> offer", "  take rg-0: b of a1 b2 c3 at 5 fencing",
        "> applied",
        "> seen", "  lead(rg-0, generation: 5)", "  routeChanged(rg-0)",
      ]
    )
  }

  @Test func `an offer that nobody takes is withdrawn, and the hold ends`() {
    var story = MachineStory("a")
    var record = group(0, "a b c", generation: 4)
    record.preferredPrimary = ServerName("b")
    story.tell("view", .viewRead(view(servers: "abc", groups: [record])))
    story.lease(1)
    story.tell("loaded", .replicaLoaded(record.id))
    story.tell("resolved", .writesResolved(record.id))
    story.tell("applied", .updateFinished(id: 1, .applied(revision: 12)))
    record.swap = SwapOffer(target: ServerName("b"), targetInstance: 2)
    story.change("seen", .group(record.id, Versioned(record, revision: 12)))
    story.wait(.milliseconds(999))
    story.wait(.milliseconds(1))
    record.swap = nil
    story.change("withdrawn", .group(record.id, Versioned(record, revision: 13)))
    #expect(
      story.lines == [
        "> view", "  service in service", "  loadReplica(rg-0)",
        "> lease",
        "> loaded", "  lead(rg-0, generation: 4)", "  hold(rg-0)", "  routeChanged(rg-0)",
        "> resolved", "  offer rg-0: a of a1 b2 c3 at 4 offered to b",
        "> applied", "> seen", "> 999 ms pass",
        "> 1 ms pass", "  withdraw rg-0: a of a1 b2 c3 at 4",
        "> withdrawn", "  release(rg-0)", "  routeChanged(rg-0)",
      ]
    )
  }

  @Test func `leading ends at the deadline and resumes with a late renewal`() {
    var story = MachineStory("a")
    story.tell("view", .viewRead(view(servers: "abc", groups: [group(0, "a b c")])))
    story.lease(1)
    story.tell("loaded", .replicaLoaded(RoutingGroupID(0)))
    story.lines = []
    story.wait(.milliseconds(1_749))
    story.wait(.milliseconds(1))
    story.tell("renewed", .leaseRenewed(sentAt: story.now))
    #expect(
      story.lines == [
        "> 1749 ms pass",
        "> 1 ms pass", "  stopLeading(rg-0)", "  routeChanged(rg-0)",
        "> renewed", "  lead(rg-0, generation: 1)", "  routeChanged(rg-0)",
      ]
    )
  }

  @Test func `a replica that is led is loaded afresh when the watch lost its place, and not led anew before`()
  {
    var story = MachineStory("a")
    let read = view(servers: "abc", groups: [group(0, "a b c"), group(1, "b a c")])
    story.tell("view", .viewRead(read))
    story.lease(1)
    for id in [0, 1] { story.tell("loaded", .replicaLoaded(RoutingGroupID(id))) }
    story.lines = []
    story.tell("read afresh", .viewRead(read))
    story.tell("rg-1 is there", .replicaLoaded(RoutingGroupID(1)))
    story.wait(.milliseconds(1_750))
    story.tell("renewed", .leaseRenewed(sentAt: story.now))
    story.tell("rg-0 is there", .replicaLoaded(RoutingGroupID(0)))
    #expect(
      story.lines == [
        "> read afresh", "  loadReplica(rg-0)", "  loadReplica(rg-1)",
        "> rg-1 is there",
        "> 1750 ms pass", "  stopLeading(rg-0)", "  routeChanged(rg-0)",
        "> renewed",
        "> rg-0 is there", "  lead(rg-0, generation: 1)", "  routeChanged(rg-0)",
      ]
    )
  }

  @Test func `a group that is led anew is held while an offer of before may still land`() {
    var story = MachineStory("a")
    var record = group(0, "a b c", generation: 4)
    record.preferredPrimary = ServerName("b")
    story.tell("view", .viewRead(view(servers: "abc", groups: [record])))
    story.lease(1)
    story.tell("loaded", .replicaLoaded(record.id))
    story.tell("resolved", .writesResolved(record.id))
    story.wait(.milliseconds(1_750))
    #expect(story.machine.leading.isEmpty)
    story.tell("renewed", .leaseRenewed(sentAt: story.now))
    #expect(story.machine.route(record.id) == .held)
    story.tell("nobody knows", .updateFinished(id: 1, .unknown))
    story.wait(.milliseconds(25))
    #expect(story.lines.contains("  withdraw rg-0: a of a1 b2 c3 at 4"))
    #expect(story.machine.route(record.id) == .held)
    record.preferredPrimary = nil
    story.change("withdrawn", .group(record.id, Versioned(record, revision: 13)))
    #expect(story.machine.route(record.id) == .here(generation: 4))
  }

  @Test func `a group is led on when loading it afresh fails`() {
    var story = MachineStory("a")
    let read = view(servers: "abc", groups: [group(0, "a b c")])
    story.tell("view", .viewRead(read))
    story.lease(1)
    story.tell("loaded", .replicaLoaded(RoutingGroupID(0)))
    story.lines = []
    story.tell("read afresh", .viewRead(read))
    story.tell("failed", .replicaLoadFailed(RoutingGroupID(0)))
    story.wait(.milliseconds(25))
    story.tell("loaded", .replicaLoaded(RoutingGroupID(0)))
    #expect(
      story.lines == [
        "> read afresh", "  loadReplica(rg-0)", "> failed", "> 25 ms pass", "  loadReplica(rg-0)", "> loaded",
      ]
    )
  }

  @Test func `the controller promotes evenly over the survivors`() {
    var story = MachineStory("a")
    let groups = ["a b c", "b a c", "c a b", "c a b", "c b a"].enumerated().map {
      group($0.offset, $0.element)
    }
    story.tell("view", .viewRead(view(servers: "abc", groups: groups)))
    story.lease(1)
    for record in groups { story.tell("loaded", .replicaLoaded(record.id)) }
    story.lines = []
    story.change("c is dead", .live(ServerName("c"), nil))
    #expect(
      story.lines == [
        "> c is dead", "  routeChanged(rg-2)", "  routeChanged(rg-3)", "  routeChanged(rg-4)",
        "  promote rg-2: a of c3 a1 b2 at 2 fencing", "  promote rg-3: b of c3 a1 b2 at 2 fencing",
        "  promote rg-4: a of c3 b2 a1 at 2 fencing",
      ]
    )
  }

  @Test func `an update that is refused is tried again, but not in a hot loop`() {
    var story = MachineStory("b")
    story.tell("view", .viewRead(view(servers: "abc", groups: [group(0, "a b- c")])))
    story.lease(2)
    story.tell("loaded", .replicaLoaded(RoutingGroupID(0)))
    story.lines = []
    for id in 1...3 as ClosedRange<UInt64> {
      story.tell("refused", .updateFinished(id: id, .refused(revision: 10)))
      story.wait(.milliseconds(10))
      story.wait(.milliseconds(90))
    }
    #expect(story.lines.count { $0.contains("build") } == 3)
    #expect(story.lines.prefix(2) == ["> refused", "> 10 ms pass"])
  }

  @Test func `replicas of a server that is gone are waited for, those of one that is out are kept`() {
    for (out, expected) in [("", 1), ("d", 0)] {
      var story = MachineStory("a")
      let record = group(0, "a b d")
      story.tell("view", .viewRead(view(servers: "abcd", down: "d", out: out, groups: [record])))
      story.lease(1)
      story.tell("loaded", .replicaLoaded(record.id))
      for _ in 0..<1_799 { story.now = story.now + .seconds(1) }
      story.tell("renewed", .leaseRenewed(sentAt: story.now))
      #expect(!story.lines.contains { $0.contains("replace") })
      story.wait(.seconds(1))
      #expect(story.lines.count { $0 == "  replace rg-0: a of a1 b2 c0 at 1" } == expected)
    }
  }

  @Test func `a group in quorum loss is not rebuilt without an operator`() {
    var story = MachineStory("a")
    story.tell("view", .viewRead(view(servers: "abcde", down: "de", groups: [group(0, "a d e")])))
    story.lease(1)
    story.tell("loaded", .replicaLoaded(RoutingGroupID(0)))
    for _ in 0..<4_000 {
      story.now = story.now + .seconds(1)
      story.tell("renewed", .leaseRenewed(sentAt: story.now))
    }
    #expect(!story.lines.contains { $0.contains("replace") || $0.contains("fill") })
    #expect(story.machine.route(RoutingGroupID(0)) == .here(generation: 1))
  }

  @Test func `a large view is cheap to follow`() {
    let groups = (0..<20_000).map { group($0, ["a b c", "b c a", "c a b"][$0 % 3]) }
    var story = MachineStory("a")
    story.tell("view", .viewRead(view(servers: "abc", groups: groups)))
    story.lease(1)
    for record in groups { _ = story.machine.handle(.replicaLoaded(record.id), at: story.now) }
    #expect(story.machine.leading.count == 6_667)
    let clock = ContinuousClock()
    let spent = clock.measure {
      for _ in 0..<1_000 {
        _ = story.machine.handle(.viewChanged([], revision: story.machine.view.revision + 1), at: story.now)
        _ = story.machine.handle(.leaseRenewed(sentAt: story.now), at: story.now)
      }
    }
    // In a debug build; O(groups) would take minutes.
    #expect(spent < .seconds(2))
  }
}
