import FabricRecords
import FabricStore
import FrontEndPoolDriver
import PoolTesting
import Testing

@Suite("Users of a pool")
struct UserDirectoryTests {
  private let md5 = String(repeating: "a", count: 32)
  private let sha256 = String(repeating: "b", count: 64)

  private func list(_ text: String, _ kind: UserList.Kind? = nil) throws(UserList.Problem) -> UserList {
    try UserList(parsing: text, kind: kind) { !$0.contains(" ") }
  }

  @Test("a password becomes the hashes of RFC 7616; nothing else of it is kept")
  func passwords() async throws {
    let store = MemoryFabric(clock: .running(epoch: 0)).client()
    let directory = UserDirectory(store: store, domain: "Example.com")
    let outcome = try await directory.put([.init(name: "Mufasa", secret: .password("Circle of Life"))])
    #expect(outcome.added == 1 && outcome.changed == 0 && outcome.withoutSHA256 == 0)
    let entry = try #require(try await store.read("user/sip:Mufasa@example.com"))
    let record = try FabricCodec.decodeUser(entry.value, addressOfRecord: "sip:Mufasa@example.com")
    #expect(record.realm == "example.com")
    // md5sum and sha256sum of "Mufasa:example.com:Circle of Life".
    #expect(record.md5 == "47d71e7a9844cc0239d2def87c4529b6")
    #expect(record.sha256 == "ee6b23b98f2dc6191872bac17bd88cfd97cd559471a91eb4c1250b774f033348")
    #expect(!String(decoding: entry.value, as: UTF8.self).contains("Circle"))
    let again = try await directory.put([.init(name: "Mufasa", secret: .hashes(md5: md5, sha256: nil))])
    #expect(again.added == 0 && again.changed == 1 && again.withoutSHA256 == 1)
    let listed = try #require(try await directory.list().first)
    #expect(listed.addressOfRecord == "sip:Mufasa@example.com")
    #expect(listed.algorithms == ["MD5"])
  }

  @Test("thousands of users come in a few commits, with progress")
  func many() async throws {
    let store = MemoryFabric(clock: .running(epoch: 0)).client()
    let directory = UserDirectory(store: store, domain: "example.com")
    let users = (0..<3_000).map {
      UserDirectory.NewUser(name: "u\($0)", secret: .hashes(md5: md5, sha256: sha256))
    }
    var told: [Int] = []
    #expect(try await directory.put(users) { told.append($0) }.added == 3_000)
    #expect(told == [1_024, 2_048, 3_000])
    #expect(try await directory.put(users).changed == 3_000)
    #expect(try await directory.remove(["u1", "u2", "none"]) == ["u1", "u2"])
    #expect(try await directory.list().count == 2_998)
  }

  @Test("names that would be written otherwise in an address are refused")
  func names() {
    let directory = UserDirectory(
      store: MemoryFabric(clock: .running(epoch: 0)).client(),
      domain: "example.com"
    )
    for good in ["alice", "+49-30.1234", "a_b"] { #expect(directory.addressOfRecord(good) != nil, "\(good)") }
    for bad in ["", "a b", "a@b", "a:b", "a/b", "a%41", "ü", "quorate-proof-fe1"] {
      #expect(directory.addressOfRecord(bad) == nil, "\(bad)")
    }
  }

  @Test("a user for whom only MD5 is kept")
  func md5Only() async throws {
    let store = MemoryFabric().client()
    let directory = UserDirectory(store: store, domain: "example.com", md5Only: true)
    let outcome = try await directory.put([.init(name: "alice", secret: .password("secret"))])
    #expect(outcome.withoutSHA256 == 1)
    #expect(try await directory.list().first?.algorithms == ["MD5"])
    // Given a password anew it has both.
    let other = UserDirectory(store: store, domain: "example.com")
    _ = try await other.put([.init(name: "alice", secret: .password("secret"))])
    #expect(try await directory.list().first?.algorithms.count == 2)
  }

  @Test("lists of passwords and of hashes")
  func lists() throws {
    let plain = try list("# people\nalice,\"a,\"\"b\"\r\n\nbob,secret\n")
    #expect(
      plain.users == [
        .init(name: "alice", secret: .password("a,\"b")), .init(name: "bob", secret: .password("secret")),
      ]
    )
    let hashes = try list(
      "user,ha1-md5,ha1-sha256\nalice,\(md5.uppercased())\nbob,\(md5),\(sha256)\nc,,\(sha256)"
    )
    #expect(
      hashes.users.map(\.secret) == [
        .hashes(md5: md5, sha256: nil), .hashes(md5: md5, sha256: sha256), .hashes(md5: nil, sha256: sha256),
      ]
    )
    #expect(try list("a,\(md5)", .passwords).users.first?.secret == .password(md5))
  }

  @Test("what is wrong is said with its line, and without the secret")
  func problems() {
    let cases: [(String, UserList.Kind?, Int)] = [
      ("alice,secret\nbob", nil, 2), ("alice,sesame\nalice,sesame", nil, 2), ("a b,sesame", nil, 1),
      ("alice,\(md5)", nil, 1), ("alice,sesame", .hashes, 1), ("alice,\(md5),sesame", .hashes, 1),
      ("alice,\"sesame", nil, 1), ("alice,sesame,x", nil, 1), ("alice,", nil, 1), ("", nil, 0),
      ("user,password\nalice,sesame", .hashes, 1),
    ]
    for (text, kind, line) in cases {
      do throws(UserList.Problem) {
        _ = try list(text, kind)
        Issue.record("taken: \(text)")
      } catch {
        #expect(error.line == line, "\(text)")
        #expect(!error.description.contains("sesame"))
        #expect(!error.description.contains(md5))
      }
    }
  }
}
