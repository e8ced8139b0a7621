//! The ways in which a store is broken. What each of them fails is in `teeth`.

/// One mistake that a store makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    // Clauses 2 and 3: what a save is compared with.
    /// Compares with the latest version, and stores after others had their turn.
    ChecksThenActs,
    /// The same behind a lock that each process has for itself.
    LocksWithinOneProcess,
    /// Takes the latest version once more.
    AcceptsTheLatestVersionAgain,
    /// Takes any version that nobody has, below the latest too.
    FillsGaps,
    /// Takes only the version that follows the latest.
    WantsTheVersionThatFollows,
    /// Compares versions as text: 9 is above 10.
    ComparesVersionsAsText,
    /// Keeps versions in 32 bits.
    KeepsVersionsIn32Bits,
    /// All actors share one sequence.
    SharesOneSequence,
    /// `Exactly` is not looked at.
    TakesExactlyForOlder,
    /// `Exactly` is taken for "at least".
    TakesExactlyForAtLeast,
    /// `NoEvents` is not looked at.
    TakesNoEventsForOlder,
    /// `Exactly` admits only the version that follows.
    WantsNoGapAfterExactly,
    /// `NoEvents` admits only version 1.
    WantsNoEventsToBeginAtOne,
    /// A conflict does not say the current version.
    ConflictsWithoutTheCurrentVersion,
    /// A conflict says the version that was last saved through the same handle.
    ConflictsFromMemory,
    /// A conflict names the last version of the commit as the attempted one.
    ConflictsWithTheLastVersion,
    /// Drafts are numbered by how many events there are.
    NumbersDraftsByCount,
    /// The answer does not give back what drafts became.
    DoesNotGiveDraftsBack,
    /// The answer gives back events that came with versions.
    GivesBackWhatIsKnown,

    // Clause 4: commits.
    /// Stores a commit event by event, and lets others have a turn in between.
    TearsCommits,
    /// Stores what fits of a refused commit.
    KeepsWhatFits,
    /// Stores at most 512 events at once.
    LimitsCommitsTo512Events,

    // Clause 6: repeats.
    /// Takes no save for a repeat: the second is a conflict.
    RefusesRepeats,
    /// Stores repeats once more.
    StoresRepeatsAgain,
    /// Recognises what is in the newest commit only.
    ForgetsOldRepeats,
    /// Recognises whole commits only.
    RecognisesWholeCommitsOnly,
    /// Recognises events of one commit only.
    RecognisesOneCommitOnly,
    /// Recognises what was saved through the same handle only.
    ForgetsRepeatsOfOtherHandles,
    /// Looks at the expectation first.
    ExpectsBeforeItRecognises,
    /// Numbers drafts anew when they come again.
    RenumbersRepeatedDrafts,
    /// Recognises events by their id alone, whoever's they are.
    RecognisesByIdAlone,
    /// Does not compare the content of what it recognises.
    OverlooksOtherContent,
    /// Calls other content a conflict.
    CallsOtherContentAConflict,
    /// Replaces the stored event by one with other content.
    ReplacesOtherContent,
    /// Compares all content but the timestamp.
    OverlooksOtherTimestamps,
    /// Stores the new events of a commit that begins with stored ones.
    StoresTheRestOfAnOverlap,
    /// Recognises versions, without looking at ids.
    RecognisesByVersionAlone,

    // Clauses 7 and 8: reads.
    /// The latest version is remembered until the history is read.
    RemembersTheLatestVersion,
    /// What was saved is shown to others only after they had a turn.
    ShowsSavesLater,
    /// Another handle sees what there was when it was opened.
    FreezesOtherHandles,
    /// Another handle sees nothing.
    HidesFromOtherHandles,
    /// Reads after the version that is asked for.
    ReadsExclusively,
    /// Reads whole commits, whatever version is asked for.
    ReadsWholeCommits,
    /// Finds only versions that are stored: nothing from a gap on.
    ReadsFromStoredVersionsOnly,
    /// Reads the last event where there is nothing to be read.
    ReadsTheLastBeyondTheEnd,
    /// Reads one page of 256 events.
    ReadsOnePage,
    /// An actor has the events of all whose ids begin with its own.
    MatchesIdsByPrefix,
    /// A stream ends when another begins.
    ReadsOneStreamAtATime,
    /// A stream that was not read to its end keeps writers out.
    LocksWhatIsRead,
    /// A stream passes over as many events as are appended while it is read.
    SkipsWhatIsAppendedMeanwhile,
    /// A stream can only be read in the task in which it was made.
    BindsStreamsToTheirTask,
    /// Counts the places of events from the first one of a commit that is asked for.
    CountsPlacesFromWhereItReads,
    /// Times are kept in microseconds.
    KeepsMicroseconds,
    /// The command's id is not kept.
    LosesCommandIds,
    /// Payloads of more than 64 KiB are refused.
    LimitsPayloadsTo64KiB,

    // Actor ids.
    /// `.`, ` `, `*` and `>` become `_`.
    SanitisesIds,
    /// Upper case becomes lower case.
    LowercasesIds,
    /// White space around an id is cut off.
    TrimsIds,
    /// Ids are cut off after 200 bytes.
    TruncatesIds,

    // Clause 12: cancellation.
    /// Readers wait for a save, but one that is dropped leaves what it had stored.
    LeavesHalfACommitWhenDropped,
    /// A save that is dropped keeps its actor locked.
    KeepsTheLockWhenDropped,

    // Clause 10: snapshots.
    /// The last snapshot that is saved is the latest.
    ReplacesNewerSnapshots,
    /// Compares snapshots' versions as text.
    ComparesSnapshotVersionsAsText,
    /// A snapshot of the same version does not replace.
    KeepsTheFirstOfOneVersion,
    /// Compares snapshots' versions, and replaces after others had their turn.
    ComparesSnapshotsThenReplaces,
    /// Always says that a snapshot was saved.
    SaysSavedOfOlderSnapshots,
    /// Forgets the position of a snapshot.
    LosesSnapshotPositions,
    /// A missing snapshot is an error.
    FailsWithoutASnapshot,
    /// The latest version is at least the snapshot's, though there is no retention.
    CountsSnapshotsAsEvents,
    /// Removes the events that a snapshot covers.
    CompactsBehindSnapshots,
    /// Removes the snapshot when an event is appended.
    ForgetsSnapshotsOnAppend,
    /// Has one snapshot for each category.
    KeepsOneSnapshotPerCategory,
    /// Keeps the snapshots of each handle apart.
    HidesSnapshotsFromOtherHandles,

    // Clause 11: notices.
    /// Tells before the save is decided.
    NotifiesRefusedSaves,
    /// Tells again when a save is repeated.
    NotifiesRepeats,
    /// Tells of what is found stored, if it did not tell of it before.
    NotifiesWhatOthersStored,
    /// Tells of the last event of a commit only.
    NotifiesOncePerCommit,
    /// Tells of each event twice.
    NotifiesTwice,
    /// Tells of the newest first.
    NotifiesBackwards,
    /// Tells of the commits of several writers in any order.
    NotifiesInAnyOrder,
    /// Tells, and stores after others had a turn.
    NotifiesBeforeItStores,
    /// Sends the event itself.
    SendsTheEventItself,
    /// The time is in milliseconds.
    NotifiesInMilliseconds,
    /// Fails the save if the broadcaster fails.
    FailsWithItsBroadcaster,
    /// Panics if the broadcaster does.
    PanicsWithItsBroadcaster,

    // Clause 13: the feed.
    /// Gives the last event of the history again when it goes live.
    FeedRepeatsTheLastOnCatchingUp,
    /// Goes on with the next commit, also from inside one.
    FeedSkipsTheRestOfACommit,
    /// Goes on with the whole commit from inside of which it is resumed.
    FeedRepeatsTheCommit,
    /// Never says that it has caught up.
    FeedNeverCatchesUp,
    /// Says it before each live event.
    FeedCatchesUpAgainAndAgain,
    /// Says it first.
    FeedCatchesUpTooEarly,
    /// Says it with the first event, not on an empty store.
    FeedCatchesUpWithTheFirstEvent,
    /// Ends when it has caught up.
    FeedEndsWhenCaughtUp,
    /// Gives one of several live events that come at once.
    FeedDropsWhatComesAtOnce,
    /// Does not see what other handles store while it is live.
    FeedSeesItsOwnHandleOnly,
    /// Reads one page of 1,000 events.
    FeedReadsOnePage,
    /// Orders a history by actor.
    FeedOrdersByActor,
    /// Counts positions for itself.
    FeedCountsItsOwnPositions,
    /// Does not look at types.
    FeedIgnoresTypes,
    /// Takes categories for prefixes.
    FeedTakesCategoriesForPrefixes,
    /// Can't be resumed at an event that does not pass its filter.
    FeedResumesAtWhatPassesOnly,
    /// `Now` is the beginning.
    FeedTakesNowForTheBeginning,
    /// `Now` is when the feed is made.
    FeedTakesNowTooEarly,
    /// Does not look whose position it is.
    FeedTakesPositionsOfOtherStores,
    /// Waits where a position is past the end.
    FeedWaitsPastTheEnd,
    /// Writers wait for readers that are 1,000 events behind.
    FeedHoldsWritersBack,
    /// Writers wait for a reader that is gone.
    FeedHoldsWritersBackWhenDropped,
    /// Gives refused events too.
    FeedGivesRefusedEvents,

    // Clause 9: corruption.
    /// Passes over what it can't read.
    SwallowsTheMalformed,
    /// Ends at what it can't read.
    EndsAtTheMalformed,
    /// Says at the end of the history what it can't read in it.
    ReportsAfterTheLastEvent,
    /// Says nothing of where and what it is.
    ReportsWithoutAPlace,
    /// Reports one actor's to all.
    ReportsToEverybody,
    /// Takes a history whose end it can't read for an empty one.
    ForgetsWhatIsBeforeTheMalformed,
    /// An undecodable snapshot is none.
    SwallowsUndecodableSnapshots,
    /// The feed passes over what it can't read.
    FeedSwallowsTheMalformed,
    /// The feed ends at what it can't read.
    FeedEndsAtTheMalformed,

    // Clause 14: retention.
    /// A history without its beginning is read as if it were whole.
    PassesOverWhatHasExpired,
    /// No read begins where the beginning has expired.
    RefusesWhatHasNotExpired,
    /// Versions begin anew where everything has expired.
    BeginsVersionsAnew,
    /// The latest version is that of the last event that can be read, or 0.
    FallsBackBehindTheSnapshot,
    /// A snapshot does not stand in for what has expired.
    WantsWhatTheSnapshotCovers,
    /// Any snapshot stands in for what has expired.
    TrustsAnySnapshot,
    /// A snapshot that covers what has expired stands in for it in every read.
    TrustsSnapshotsInEveryRead,
    /// The feed goes on where events are missing.
    FeedPassesOverWhatHasExpired,
    /// The feed begins with the first event that there ever was, or not at all.
    FeedMissesItsBeginning,
}
