import ArgumentParser
import Foundation
import FrontEndPoolDriver
import PatchRun
import PoolFile

/// `quorate user`.
struct UserCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "user",
    abstract: "Add, import, remove and list the users of a pool.",
    discussion: """
      A pool with users lets nobody register who does not prove, by Digest, to be one of them. A pool without any is open. \
      What is kept of a password are its hashes for the pool's domain.
      """,
    subcommands: [
      AddUserCommand.self, ImportUsersCommand.self, RemoveUsersCommand.self, ListUsersCommand.self,
    ]
  )
}

/// `quorate user add`.
struct AddUserCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add",
    abstract: "Add a user, or give one a new password. The password is read from standard input."
  )

  @Argument(help: "The pool.")
  var pool: String

  @Argument(help: "The user's name, without the domain.")
  var user: String

  @Flag(help: "Keep an MD5 hash only: for a phone that gives up when it is offered SHA-256.")
  var md5Only = false

  func run() async throws {
    try await PoolConnection.with(pool) { connection in
      let directory = connection.users(md5Only: md5Only)
      guard directory.addressOfRecord(user) != nil else {
        throw CommandFailure(.usage, "'\(user)' cannot be a user's name; write it without the domain")
      }
      guard let password = Terminal.askSecret("Password of \(user): "), !password.isEmpty else {
        throw CommandFailure(.usage, "no password came on standard input")
      }
      let outcome = try await directory.put([
        UserDirectory.NewUser(name: user, secret: .password(password))
      ])
      Terminal.write("\(outcome.added > 0 ? "added" : "changed") \(user)\n")
    }
  }
}

/// `quorate user import`.
struct ImportUsersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Add the users of a CSV file, or give them new passwords.",
    discussion: """
      One user a line: 'user,password', or with --hashes 'user,ha1-md5' or 'user,ha1-md5,ha1-sha256'; the file may say so \
      itself by such a first line. A user with an MD5 hash alone cannot use SHA-256. Users that are not in the file stay.
      """
  )

  @Argument(help: "The pool.")
  var pool: String

  @Argument(help: "The file; '-' reads standard input.")
  var file: String

  @Flag(help: "What the file holds.")
  var kind: UserListKind?

  @Flag(help: "Keep of passwords an MD5 hash only: for phones that give up when they are offered SHA-256.")
  var md5Only = false

  @Flag(help: "Read the file and do nothing.")
  var whatIf = false

  @Flag(help: "Print the result as a JSON document.")
  var json = false

  func run() async throws {
    try await PoolConnection.with(pool) { connection in
      let directory = connection.users(md5Only: md5Only)
      let text = try Self.text(file)
      let list: UserList
      do throws(UserList.Problem) {
        list = try UserList(parsing: text, kind: kind?.kind) {
          directory.addressOfRecord($0) != nil
        }
      } catch {
        throw CommandFailure(.badFile, "\(file): \(error)")
      }
      if whatIf {
        Terminal.write("would write \(list.users.count) users\n")
        return
      }
      var said = ContinuousClock.now
      let outcome = try await directory.put(list.users) { done in
        guard ContinuousClock.now - said >= .milliseconds(500) else { return }
        said = ContinuousClock.now
        Terminal.writeError("\(done) of \(list.users.count) users\n")
      }
      Terminal.write(json ? try JSONText.document(outcome) : Self.text(outcome))
    }
  }

  private static func text(_ outcome: UserDirectory.Outcome) -> String {
    let text = "\(outcome.added) users added, \(outcome.changed) changed\n"
    guard outcome.withoutSHA256 > 0 else { return text }
    return text + "SHA-256 is disabled for \(outcome.withoutSHA256) of them: they have an MD5 hash only\n"
  }

  private static func text(_ file: String) throws(CommandFailure) -> String {
    let limit = 256 << 20
    let data: Data
    do {
      let handle =
        file == "-" ? FileHandle.standardInput : try FileHandle(forReadingFrom: URL(filePath: file))
      data = try handle.read(upToCount: limit + 1) ?? Data()
    } catch {
      throw CommandFailure(.badFile, "\(file): it cannot be read: \(error.localizedDescription)")
    }
    guard data.count <= limit else { throw CommandFailure(.badFile, "\(file): it is larger than 256 MiB") }
    guard let text = String(data: data, encoding: .utf8) else {
      throw CommandFailure(.badFile, "\(file): it is no UTF-8")
    }
    return text
  }
}

/// What a list of users holds, as a flag.
enum UserListKind: String, EnumerableFlag {
  case passwords
  case hashes

  var kind: UserList.Kind { self == .passwords ? .passwords : .hashes }
}

/// `quorate user remove`.
struct RemoveUsersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove",
    abstract:
      "Remove users. Their registrations stay until they expire. Without its last user a pool is open."
  )

  @Argument(help: "The pool.")
  var pool: String

  @Argument(help: "The users' names.")
  var users: [String]

  func run() async throws {
    try await PoolConnection.with(pool) { connection in
      let directory = connection.users()
      let removed = try await directory.remove(users)
      for user in removed { Terminal.write("removed \(user)\n") }
      if let missing = users.first(where: { !removed.contains($0) }) {
        throw CommandFailure(.notGood, "pool \(connection.file.pool) has no user '\(missing)'")
      }
    }
  }
}

/// `quorate user list`.
struct ListUsersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the users of a pool and the algorithms that each can use."
  )

  @OptionGroup var pool: PoolArgument

  @Flag(help: "Print the result as a JSON document.")
  var json = false

  func run() async throws {
    try await PoolConnection.with(pool.pool) { connection in
      let users = try await connection.users().list()
      if json { return Terminal.write(try JSONText.document(users)) }
      if users.isEmpty { return Terminal.write("no users: the pool is open\n") }
      for user in users {
        let algorithms = user.algorithms.isEmpty ? "cannot log in" : user.algorithms.joined(separator: ", ")
        Terminal.write("\(user.addressOfRecord)  \(algorithms)\n")
      }
    }
  }
}
