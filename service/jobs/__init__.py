"""Work that nobody waits for, kept until it is done and fetched.

    Job, State   what there is to say of one
    JobStore     what is kept, in SQLite; knows no event loop
    JobDesk      the store's one thread, and the runner that works jobs off, piece by piece

What a job asks for and how it is answered is not known here: see `service.jobs.desk.Craft`.
"""
