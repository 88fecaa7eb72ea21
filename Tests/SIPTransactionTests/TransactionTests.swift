import SIPTransaction
import Testing

/// `#expect` cannot take a move-only value, so each step is called first and its action compared.
@Suite struct ServerTransactionTests {
  let provisional: [UInt8] = [1]
  let final: [UInt8] = [2]

  @Test func answersNonInvite() {
    var transaction = NonInviteServerTransaction(transport: .unreliable)
    var repeated = transaction.requestRepeated()
    #expect(repeated == .ignore)
    var action = transaction.respond(provisional, status: 100)
    #expect(action == .send(provisional))
    repeated = transaction.requestRepeated()
    #expect(repeated == .send(provisional))
    var end = transaction.timerFired(.end)
    #expect(end == .ignore)
    action = transaction.respond(final, status: 200)
    #expect(action == .sendAndStart(final, .end, after: 32_000))
    repeated = transaction.requestRepeated()
    #expect(repeated == .send(final))
    action = transaction.respond([3], status: 500)
    #expect(action == .ignore)
    end = transaction.timerFired(.retransmit)
    #expect(end == .ignore)
    #expect(transaction.phase == .completed)
    end = transaction.timerFired(.end)
    #expect(end == .terminate)
    #expect(transaction.phase == .terminated)
    repeated = transaction.requestRepeated()
    action = transaction.respond(final, status: 200)
    end = transaction.timerFired(.end)
    #expect(repeated == .ignore)
    #expect(action == .ignore)
    #expect(end == .ignore)
  }

  @Test func endsNonInviteAtOnceOnAReliableTransport() {
    var transaction = NonInviteServerTransaction(transport: .reliable)
    let action = transaction.respond(final, status: 404)
    #expect(action == .sendAndTerminate(final))
    #expect(transaction.phase == .terminated)
    var failing = NonInviteServerTransaction(transport: .reliable)
    var end = failing.transportFailed()
    #expect(end == .terminate)
    end = failing.transportFailed()
    #expect(end == .ignore)
  }

  @Test func refusesAnInvite() {
    var transaction = InviteServerTransaction(transport: .unreliable)
    var repeated = transaction.requestRepeated()
    #expect(repeated == .ignore)
    var action = transaction.respond(provisional, status: 180)
    #expect(action == .send(provisional))
    repeated = transaction.requestRepeated()
    #expect(repeated == .send(provisional))
    action = transaction.respond(final, status: 486)
    #expect(action == .sendFinal(final, retransmitAfter: 500, giveUpAfter: 32_000))
    // Timer G doubles up to T2.
    for interval in [Int64(1_000), 2_000, 4_000, 4_000] {
      let timer = transaction.timerFired(.retransmit)
      #expect(timer == .retransmit(final, again: interval))
    }
    repeated = transaction.requestRepeated()
    #expect(repeated == .send(final))
    action = transaction.respond([3], status: 200)
    #expect(action == .ignore)
    var ack = transaction.ackReceived()
    #expect(ack == .confirm(endAfter: 5_000))
    ack = transaction.ackReceived()
    #expect(ack == .ignore)
    repeated = transaction.requestRepeated()
    #expect(repeated == .ignore)
    var timer = transaction.timerFired(.retransmit)
    #expect(timer == .ignore)
    timer = transaction.timerFired(.end)
    #expect(timer == .terminate)
    #expect(transaction.phase == .terminated)
  }

  @Test func givesUpWithoutAnACK() {
    var transaction = InviteServerTransaction(transport: .reliable)
    let action = transaction.respond(final, status: 486)
    #expect(action == .sendFinal(final, retransmitAfter: nil, giveUpAfter: 32_000))
    var timer = transaction.timerFired(.retransmit)
    #expect(timer == .ignore)
    timer = transaction.timerFired(.giveUp)
    #expect(timer == .giveUp)
    #expect(transaction.phase == .terminated)
    var other = InviteServerTransaction(transport: .reliable)
    _ = other.respond(final, status: 300)
    let ack = other.ackReceived()
    #expect(ack == .terminate)
  }

  @Test func acceptsAsRFC6026Says() {
    var transaction = InviteServerTransaction(transport: .unreliable)
    var action = transaction.respond(final, status: 200)
    #expect(action == .sendAccepted(final, endAfter: 32_000))
    // The INVITE comes again: it is no new request, and the 2xx is for the user to repeat.
    let repeated = transaction.requestRepeated()
    #expect(repeated == .ignore)
    action = transaction.respond([4], status: 200)
    #expect(action == .sendAccepted([4], endAfter: nil))
    action = transaction.respond([5], status: 486)
    #expect(action == .ignore)
    let ack = transaction.ackReceived()
    #expect(ack == .pass)
    var timer = transaction.timerFired(.giveUp)
    #expect(timer == .ignore)
    timer = transaction.transportFailed()
    #expect(timer == .ignore)
    timer = transaction.timerFired(.end)
    #expect(timer == .terminate)
  }

  @Test func failsWithItsTransport() {
    for status in [0, 180, 486] {
      var transaction = InviteServerTransaction(transport: .unreliable)
      if status > 0 { _ = transaction.respond([1], status: status) }
      var timer = transaction.transportFailed()
      #expect(timer == .giveUp)
      timer = transaction.transportFailed()
      #expect(timer == .ignore)
    }
  }
}

@Suite struct ClientTransactionTests {
  let request: [UInt8] = [9]

  @Test func retransmitsNonInvite() {
    var transaction = NonInviteClientTransaction(request: request, transport: .unreliable)
    let start = transaction.start
    #expect(start.send == request)
    #expect(start.retransmitAfter == 500)
    #expect(start.giveUpAfter == 32_000)
    for interval in [Int64(1_000), 2_000, 4_000, 4_000] {
      let timer = transaction.timerFired(.retransmit)
      #expect(timer == .retransmit(request, again: interval))
    }
    var action = transaction.responseReceived(status: 100)
    #expect(action == .pass)
    var timer = transaction.timerFired(.retransmit)
    #expect(timer == .retransmit(request, again: 4_000))
    action = transaction.responseReceived(status: 200)
    #expect(action == .passFinal(endAfter: 5_000))
    action = transaction.responseReceived(status: 200)
    #expect(action == .ignore)
    timer = transaction.timerFired(.giveUp)
    #expect(timer == .ignore)
    timer = transaction.timerFired(.end)
    #expect(timer == .terminate)
    #expect(transaction.phase == .terminated)
  }

  @Test func givesUpOnNonInvite() {
    for isProceeding in [false, true] {
      var transaction = NonInviteClientTransaction(request: request, transport: .reliable)
      #expect(transaction.start.retransmitAfter == nil)
      if isProceeding { _ = transaction.responseReceived(status: 100) }
      var timer = transaction.timerFired(.retransmit)
      #expect(timer == .ignore)
      timer = transaction.timerFired(.giveUp)
      #expect(timer == .giveUp)
      let action = transaction.responseReceived(status: 200)
      #expect(action == .ignore)
    }
    var reliable = NonInviteClientTransaction(request: request, transport: .reliable)
    let action = reliable.responseReceived(status: 200)
    #expect(action == .passAndTerminate)
    var failing = NonInviteClientTransaction(request: request, transport: .reliable)
    let failure = failing.transportFailed()
    #expect(failure == .giveUp)
  }

  @Test func retransmitsAnInviteUntilItHears() {
    var transaction = InviteClientTransaction(request: request, transport: .unreliable)
    // Timer A has no limit but timer B.
    for interval in [Int64(1_000), 2_000, 4_000, 8_000, 16_000] {
      let timer = transaction.timerFired(.retransmit)
      #expect(timer == .retransmit(request, again: interval))
    }
    var action = transaction.responseReceived(status: 180) { [7] }
    #expect(action == .pass)
    var timer = transaction.timerFired(.retransmit)
    #expect(timer == .ignore)
    timer = transaction.timerFired(.giveUp)
    #expect(timer == .ignore)
    action = transaction.responseReceived(status: 486) { [7] }
    #expect(action == .passAndAcknowledge(ack: [7], endAfter: 32_000))
    action = transaction.responseReceived(status: 486) { [8] }
    #expect(action == .acknowledge([7]))
    action = transaction.responseReceived(status: 200) { [8] }
    #expect(action == .ignore)
    timer = transaction.timerFired(.end)
    #expect(timer == .terminate)
  }

  @Test func passesEvery2xx() {
    var transaction = InviteClientTransaction(request: request, transport: .unreliable)
    var action = transaction.responseReceived(status: 200) { [7] }
    #expect(action == .passAccepted(endAfter: 32_000))
    action = transaction.responseReceived(status: 200) { [7] }
    #expect(action == .passAccepted(endAfter: nil))
    action = transaction.responseReceived(status: 486) { [7] }
    #expect(action == .ignore)
    #expect(transaction.phase == .accepted)
    let timer = transaction.timerFired(.end)
    #expect(timer == .terminate)
  }

  @Test func endsAnInvite() {
    var silent = InviteClientTransaction(request: request, transport: .reliable)
    var timer = silent.timerFired(.giveUp)
    #expect(timer == .giveUp)
    var reliable = InviteClientTransaction(request: request, transport: .reliable)
    let action = reliable.responseReceived(status: 603) { [7] }
    #expect(action == .passAndAcknowledge(ack: [7], endAfter: nil))
    #expect(reliable.phase == .terminated)
    var failing = InviteClientTransaction(request: request, transport: .unreliable)
    timer = failing.transportFailed()
    #expect(timer == .giveUp)
    timer = failing.transportFailed()
    #expect(timer == .ignore)
    // T1 of another network: timer D stays at 32 s at least.
    #expect(TimerValues(t1: 100).timerD == 32_000)
    #expect(TimerValues(t1: 1_000).timerD == 64_000)
  }
}
