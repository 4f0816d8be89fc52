/// The tables of the state database, as the steps that led to them. A step that was released is never changed: a new one
/// is added behind it.
enum StateSchema {
    /// Step n brings a database from `user_version` n to n + 1.
    static let steps = [first, identity]

    private static let first = """
        CREATE TABLE setting (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;

        -- A removed instance keeps its row and number: what people said about it stays under that number.
        CREATE TABLE instance (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            uuid TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            url TEXT NOT NULL,
            api_key TEXT,
            enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
            priority INTEGER NOT NULL,
            trust TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            removed_at INTEGER
        );
        CREATE UNIQUE INDEX instance_name ON instance (name COLLATE NOCASE) WHERE removed_at IS NULL;

        -- Every thing that any server ever showed, with the number that makes its inode. `entity` is the
        -- number of the entity that it was part of when identities were last computed.
        CREATE TABLE member (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            instance INTEGER NOT NULL REFERENCES instance (number),
            kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 7),
            id INTEGER NOT NULL CHECK (id > 0),
            entity INTEGER NOT NULL,
            UNIQUE (instance, kind, id)
        );
        CREATE INDEX member_entity ON member (entity);

        -- Names once given. `key` is the name folded for comparison. `source` is the member whose title it was
        -- made of, `stem` and `extension` what that member wished for then: a path changes only when they do.
        -- A name that is no longer current still resolves until another needs it.
        CREATE TABLE name (
            scope INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            key TEXT NOT NULL,
            name TEXT NOT NULL,
            stem TEXT NOT NULL,
            extension TEXT NOT NULL,
            number INTEGER NOT NULL,
            source INTEGER NOT NULL,
            current INTEGER NOT NULL CHECK (current IN (0, 1)),
            PRIMARY KEY (scope, kind, key)
        ) WITHOUT ROWID;
        CREATE UNIQUE INDEX name_current ON name (scope, number) WHERE current = 1;

        -- One value that one person gave one member. NULL is a value that was taken back: being newer, it wins
        -- over what another member of the same entity still has.
        CREATE TABLE personal (
            uid INTEGER NOT NULL CHECK (uid >= 0),
            instance INTEGER NOT NULL REFERENCES instance (number),
            kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 7),
            id INTEGER NOT NULL CHECK (id > 0),
            field INTEGER NOT NULL,
            value NUMERIC,
            changed_at INTEGER NOT NULL,
            PRIMARY KEY (uid, instance, kind, id, field),
            CHECK (CASE field
                WHEN 1 THEN value IS NULL OR (typeof(value) = 'integer' AND value BETWEEN 0 AND 100)
                WHEN 2 THEN value IS NULL OR value IN (0, 1)
                WHEN 3 THEN value IS NULL OR value >= 0
                WHEN 4 THEN value IS NULL OR (typeof(value) = 'integer' AND value >= 0)
                WHEN 5 THEN value IS NULL OR typeof(value) = 'integer'
                ELSE 0 END)
        ) WITHOUT ROWID;
        """

    private static let identity = """
        -- The address under which a sync last recognised the catalogue: NULL before the first one, empty when it found
        -- another catalogue there.
        ALTER TABLE instance ADD COLUMN recognised_url TEXT;

        -- An entity is known by the number of one of its members. A member whose number another entity is known by
        -- already gets a second one, which is no other member's number.
        ALTER TABLE member ADD COLUMN spare INTEGER;
        CREATE UNIQUE INDEX member_spare ON member (spare) WHERE spare IS NOT NULL;
        CREATE INDEX name_source ON name (source);
        CREATE INDEX name_number ON name (scope, number);

        -- What a person said is the same thing on two servers, the lower instance number first.
        CREATE TABLE hand_link (
            kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 7),
            instance INTEGER NOT NULL REFERENCES instance (number),
            id INTEGER NOT NULL CHECK (id > 0),
            other_instance INTEGER NOT NULL REFERENCES instance (number),
            other_id INTEGER NOT NULL CHECK (other_id > 0),
            made_at INTEGER NOT NULL,
            PRIMARY KEY (kind, instance, id, other_instance, other_id),
            CHECK (instance < other_instance)
        ) WITHOUT ROWID;

        -- What a person set apart: nothing but a link by hand joins it to anything.
        CREATE TABLE hand_split (
            instance INTEGER NOT NULL REFERENCES instance (number),
            kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 7),
            id INTEGER NOT NULL CHECK (id > 0),
            made_at INTEGER NOT NULL,
            PRIMARY KEY (instance, kind, id)
        ) WITHOUT ROWID;

        -- A thing that its server replaced by another of its own: what people said of it is said of that one.
        CREATE TABLE successor (
            instance INTEGER NOT NULL REFERENCES instance (number),
            kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 7),
            id INTEGER NOT NULL CHECK (id > 0),
            successor INTEGER NOT NULL CHECK (successor > 0 AND successor <> id),
            found_at INTEGER NOT NULL,
            PRIMARY KEY (instance, kind, id)
        ) WITHOUT ROWID;

        -- What things that people said something about could be recognised by, should they come back under another
        -- id: shared ids and files, as text.
        CREATE TABLE trace (
            instance INTEGER NOT NULL REFERENCES instance (number),
            kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 7),
            id INTEGER NOT NULL CHECK (id > 0),
            evidence TEXT NOT NULL,
            PRIMARY KEY (instance, kind, id, evidence)
        ) WITHOUT ROWID;

        -- A sample of each catalogue by which it is recognised: when (Unix seconds) the server made which row.
        CREATE TABLE fingerprint (
            instance INTEGER NOT NULL REFERENCES instance (number),
            kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 7),
            id INTEGER NOT NULL CHECK (id > 0),
            created_at INTEGER NOT NULL,
            PRIMARY KEY (instance, kind, id)
        ) WITHOUT ROWID;
        """
}
