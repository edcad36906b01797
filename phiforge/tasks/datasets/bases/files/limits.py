"""How much is read of folders and archives, whoever made them."""

MOST_FILE_BYTES = 128 * 2**20
"""Of one file, unpacked."""
MOST_UNPACKED_BYTES = 64 * 2**30
"""Of all files of an archive together."""
MOST_RATIO = 200
"""How many times smaller than its content a large part of an archive may be; pictures hardly pack at all."""
SMALL_BYTES = 2**20
"""Of a member that may be packed as small as it likes."""
SMALL_ARCHIVE_BYTES = 64 * 2**20
"""Of a packed tar that may be as small as it likes: headers and padding are most of a tar of tiny pictures."""
MOST_HEADER_BYTES = 2**15
"""Of what a tar says of one member besides its content."""
