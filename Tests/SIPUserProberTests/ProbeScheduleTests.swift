import PoolModel
import SIPClient
import SIPDigest
import Testing

@testable import SIPUserProber

@Suite struct ProbeScheduleTests {
  private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

  private func schedule(_ users: Int, interval: Duration = .milliseconds(500), perSecond: Int = 100)
    -> ProbeSchedule
  {
    ProbeSchedule(
      users: users,
      interval: interval,
      perSecond: perSecond,
      refresh: .seconds(40),
      from: at(0)
    )
  }

  @Test func everyUserAsksEveryServerAndRegistersAtEach() {
    var schedule = schedule(4)
    var seen: Set<[Int]> = []
    var registered: Set<[Int]> = []
    for step in 0..<1_200 {
      for request in schedule.begin(at: at(Int64(step) * 20), servers: [0, 1, 2]) {
        seen.insert([request.user, request.servers[0]])
        if request.kind == .register { registered.insert([request.user, request.servers[0]]) }
        #expect(Set(request.servers) == [0, 1, 2])
        _ = schedule.ended(request, isGood: true, at: at(Int64(step) * 20 + 1))
      }
    }
    #expect(seen.count == 12)
    #expect(registered.count == 12)
  }

  @Test func theRateIsBoundedHoweverManyUsersThereAre() {
    var schedule = schedule(1_000)
    #expect(schedule.interval == .seconds(10))
    var count = 0
    for step in 0..<1_000 {
      let requests = schedule.begin(at: at(Int64(step) * 20), servers: [0, 1, 2])
      for request in requests { _ = schedule.ended(request, isGood: true, at: at(Int64(step) * 20)) }
      count += requests.count
    }
    #expect((1_900...2_100).contains(count))
  }

  @Test func aProcessThatStoodStillMakesUpForNothing() {
    var schedule = schedule(2)
    for request in schedule.begin(at: at(300), servers: [0]) {
      _ = schedule.ended(request, isGood: true, at: at(300))
    }
    let requests = schedule.begin(at: at(60_000), servers: [0])
    #expect(requests.count == 2)
    #expect(requests.allSatisfy { $0.kind == .register }, "a registration of a minute ago is due again")
  }

  @Test func aGapIsFromTheFirstTrySinceTheLastGoodAnswer() throws {
    var schedule = schedule(1)
    let first = try #require(schedule.begin(at: at(0), servers: [0, 1]).first)
    #expect(schedule.ended(first, isGood: true, at: at(3)).gap == .milliseconds(3))
    let second = try #require(schedule.begin(at: at(500), servers: [0, 1]).first)
    #expect(second.servers == [1, 0])
    #expect(schedule.waiting(at: at(600), longerThan: .milliseconds(200)).isEmpty)
    let waiting = schedule.waiting(at: at(800), longerThan: .milliseconds(200))
    #expect(waiting.map(\.gap) == [.milliseconds(300)])
    #expect(waiting.map(\.server) == [1])
    #expect(schedule.begin(at: at(1_000), servers: [0, 1]).isEmpty, "one request of a user at a time")
    #expect(schedule.ended(second, isGood: false, at: at(1_400)).gap == .milliseconds(900))
    let third = try #require(schedule.begin(at: at(1_600), servers: [0, 1]).first)
    let end = schedule.ended(third, isGood: true, at: at(1_700))
    #expect(end.gap == .milliseconds(1_200))
    #expect(end.server == 0)
    let fourth = try #require(schedule.begin(at: at(2_100), servers: [0, 1]).first)
    #expect(schedule.ended(fourth, isGood: true, at: at(2_101)).gap == .milliseconds(1))
  }

  @Test func nothingIsAskedWhileNoServerServes() {
    var schedule = schedule(3)
    #expect(schedule.begin(at: at(10_000), servers: []).isEmpty)
    #expect(schedule.begin(at: at(20_000), servers: [2]).allSatisfy { $0.servers == [2] })
  }

  @Test(arguments: [1, 8, 24, 1_000])
  func thereIsOneReservedUserForEachGroup(_ groups: Int) {
    let users = SyntheticUsers(domain: "Example.COM", groups: groups)
    #expect(users.names.count == groups)
    #expect(Set(users.groups).count == groups)
    for (name, group) in zip(users.names, users.groups) {
      let addressOfRecord = SyntheticUsers.addressOfRecord(name, "Example.COM")
      #expect(RoutingGroupID(addressOfRecord: addressOfRecord.utf8, groups: groups) == group)
      #expect(ReservedUser.isReserved(addressOfRecord))
    }
  }
}
